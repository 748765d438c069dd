"""What an experiment's model relies on, from its test data: importance of features, and the length scale.

The folder that is written holds

    importance.csv, importance.png    permutation importance of each feature (importance.py)
    hop_radius.csv, hop_radius.png    the metrics if no grain beyond h hops is known (hop_radius.py)
    examples.csv                      what drove the best and the worst predictions (examples.py)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graincast.evaluation.intervals import Interval
from graincast.evaluation.metrics import METRICS
from graincast.experiment import splits, targets
from graincast.experiment.grid import number
from graincast.experiment.growth import with_growth
from graincast.explanation import examples, hop_radius
from graincast.explanation.explain import KIND
from graincast.explanation.importance import importance, metric
from graincast.features import table as feature_table
from graincast.features.table import FeatureTable
from graincast.figures import importance as figures
from graincast.figures.style import save
from graincast.files import csv_table
from graincast.files.atomic import whole
from graincast.microstructure import BadInput
from graincast.models import by_name, ensemble
from graincast.prediction import trained_model
from graincast.prediction.runs import check_folder
from graincast.prediction.trained_model import TrainedModel

TABLE = "importance.csv"


def explain(model_file: Path, out: Path, threshold: float | None = None, extensions: Sequence[Path] = ()) -> None:
    """Measure what a model of an experiment relies on, and write the folder whole.

    model_file  results/experiments/NAME/model.h5, whose data set lies in the same results
    Raises BadInput where the data are not there or have changed, or the model does not take features of grains.
    """
    model = trained_model.load(model_file, threshold, extensions)
    about = model.about
    if about["target"].get("grains", targets.CANDIDATE) != targets.CANDIDATE:
        raise BadInput(
            "this model predicts all grains of a microstructure at once, not candidates; train one that does"
        )
    dataset = model_file.absolute().parents[2] / "datasets" / about["dataset"]
    features = dataset / "features" / f"{about['feature_set']}.h5"
    split = dataset / "splits" / f"{about['split']}.csv"
    for path in (features, split):
        if not path.is_file():
            raise BadInput(
                f"{path}: missing, so there is no test data; pass --data to explain predictions for raw data"
            )
    if about["network"] or about["not_served"]:
        raise BadInput(f"model {about['model']}: it takes no features of grains, so none can be permuted")
    check_folder(out, TABLE, KIND)
    data = feature_table.read(features)
    if about["fingerprint"] != data.fingerprint:
        raise BadInput(f"{features}: changed since {about['experiment']} was trained; run the workflow, then explain")
    data = with_growth(data, about["experiment"])
    subsets, chosen = splits.subsets_of(split, data.name), model_threshold(model_file, threshold)
    write(model, data, subsets, out, chosen, extensions, model_file.with_name("predictions.csv"))


def model_threshold(model_file: Path, threshold: float | None) -> float | None:
    """The threshold of a trained model: the one asked for, or its only one; None where its target has none."""
    found = trained_model.thresholds(model_file)
    if threshold is None and found != [""]:
        return float(found[0])
    return threshold


def write(
    model: TrainedModel,
    data: FeatureTable,
    subsets: dict[str, np.ndarray],
    out: Path,
    threshold: float | None,
    extensions: Sequence[Path] = (),
    predictions: Path | None = None,
) -> None:
    """Measure, and write the folder.

    subsets      {fold: subset of each microstructure, str [g]}
    predictions  the experiment's predictions.csv, to explain some of them
    """
    about = model.about
    kind = about["target"]["kind"]
    module = by_name.load(about["model"], extensions)
    true = targets.of_data(data, [threshold], **about["target"]).values[threshold]
    subsets = {fold: subset for fold, subset in subsets.items() if fold in model.models}

    def predict(fold: str, table: FeatureTable) -> np.ndarray:
        return ensemble.predict(module, model.models[fold], table)

    found = importance(predict, data, subsets, true, kind)
    shown = [metric(kind)] if metric(kind) != "auc" else ["auc", "accuracy"]
    curves = {name: hop_radius.curve(predict, data, subsets, true, kind, name) for name in shown}
    label = METRICS[metric(kind)].label
    with whole(out) as folder:
        folder.mkdir()
        rows = [(one.feature, one.of, metric(kind), _text(one.loss), *_limits(one.interval)) for one in found]
        csv_table.write(folder / TABLE, ("feature", "of", "metric", "loss", "low", "high"), rows)
        save(figures.importance(found, label, about["experiment"]), folder / "importance.png")
        points = [
            ("all" if one.hops is None else one.hops, name, _text(one.value), *_limits(one.interval))
            for name, curve in curves.items()
            for one in curve
        ]
        csv_table.write(folder / "hop_radius.csv", ("hops", "metric", "value", "low", "high"), points)
        labels = {METRICS[name].label: curve for name, curve in curves.items()}
        save(figures.hop_radius(labels, about["experiment"]), folder / "hop_radius.png")
        if predictions and predictions.is_file():
            try:
                found_examples = examples.rows(model, data, subsets, predictions, number(threshold), extensions)
                csv_table.write(folder / examples.FILE, examples.HEADER, found_examples)
            except BadInput as error:
                print(f"no {examples.FILE}: {error}")
    top = found[0]
    print(f"{about['experiment']}: most important: {top.feature} ({top.of}), {label} loses {top.loss:.3f}: {out}")
    if hidden := hop_radius.described(data):
        print(f"hop_radius.csv: {len(hidden)} features, such as {hidden[0]}, tell of grains beyond the radius too")


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.6g}"


def _limits(interval: Interval) -> tuple[str, str]:
    return ("", "") if interval is None else (f"{interval[0]:.6g}", f"{interval[1]:.6g}")
