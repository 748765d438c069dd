"""A trained model applied to all maps of a folder: tables, pictures and files for ParaView.

The folder that is written holds predictions.csv (one row per candidate), rejected.csv (what could not be used, and
why) and, for up to DRAWN maps, MAP.grains.csv (one row per grain), MAP.png, MAP.xdmf and MAP.h5 each.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graincast.experiment.targets import ABNORMAL
from graincast.figures import probability_map
from graincast.figures.style import save
from graincast.files import csv_table
from graincast.files.atomic import whole
from graincast.prediction import grain_table, map_prediction, runs, trained_model, xdmf
from graincast.prediction.columns import OUTPUT
from graincast.prediction.map_prediction import MapPrediction

DRAWN = 50
"""The most maps that are drawn; of more, such as a folder of training graphs, the table alone is of use."""
TABLE, REJECTED = "predictions.csv", "rejected.csv"


def predict(
    model_file: Path,
    data: Path,
    settings: Mapping[str, Any] | None,
    out: Path,
    threshold: float | None = None,
    extensions: Sequence[Path] = (),
) -> None:
    """Predict all runs of a source at or below a path, and write the folder whole.

    settings  source and keys of a data set; None: those of the model's training data
    Raises BadInput where no run can be used.
    """
    model = trained_model.load(model_file, threshold, extensions)
    map_prediction.check_model(model)
    settings = settings or model.about["raw"]["reading"]
    found = runs.found(data, settings)
    runs.check_folder(out, TABLE, "a prediction")
    rejected: list[tuple[str, str]] = []
    rows: list[list] = []

    def predicted(path: Path, name: str) -> MapPrediction:
        return map_prediction.of_run(model, path, name, settings, extensions)

    with whole(out) as folder:
        folder.mkdir()
        for name, prediction in runs.each(found, data, "predict", predicted, rejected):
            for warning in prediction.warnings:
                print(f"{name}: beyond the training data: {warning}")
            rows += grain_table.candidate_rows(prediction)
            if len(found) <= DRAWN:
                _write(folder / name.replace("/", "_"), prediction, model)
        column = OUTPUT[model.about["target"]["kind"]]
        csv_table.write(folder / TABLE, grain_table.header(column), rows)
        csv_table.write(folder / REJECTED, ["file", "reason"], rejected)
    print(f"{len(rows)} candidates of {len(found) - len(rejected)} maps predicted, {len(rejected)} rejected: {out}")


def _write(stem: Path, prediction: MapPrediction, model: trained_model.TrainedModel) -> None:
    """Write a map's table, picture and files for ParaView."""
    m = prediction.map
    columns = grain_table.grains(prediction)
    csv_table.write(stem.with_name(f"{stem.name}.grains.csv"), list(columns), grain_table.grain_rows(columns))
    xdmf.write(stem, m.labels, columns, m.spacing)
    doubtful = m.border.copy()
    doubtful[prediction.node[prediction.flags["small"]]] = True
    about = model.about
    probability = about["target"]["kind"] == ABNORMAL
    drawn = probability_map.figure(
        m.labels,
        np.asarray(columns[prediction.column], float),
        doubtful,
        title=f"{m.group}: {about['experiment']}, {prediction.node.size} candidates of {m.grain_id.size} grains",
        name="probability of abnormal growth" if probability else "predicted growth ratio",
        spacing=m.spacing,
        periodic=m.periodic,
        limits=(0, 1) if probability else None,
    )
    save(drawn, stem.with_name(f"{stem.name}.png"))
