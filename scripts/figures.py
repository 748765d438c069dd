"""Draw an experiment's figures, and write its tables, from its stored results."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from graincast.evaluation import ablation, calibration, metrics, trial_table
from graincast.experiment.grid import number
from graincast.experiment.record import read_record
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO
from graincast.figures import experiment, reliability
from graincast.figures.style import save_as
from graincast.files import csv_table, hdf5
from graincast.files.atomic import whole
from graincast.microstructure import BadInput
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument

Draw = Callable[[Figure, str], None]
"""Writes a figure, named without an ending."""
AGAINST = ("propagation_steps", "variance", "c")
"""The axes of a grid that a figure shows the score against."""


def main(args: argparse.Namespace) -> None:
    result = json.loads(args.metrics.read_text(encoding="utf-8"))
    records = {folder: read_record(folder) for folder in args.trials}
    trials = [trial for record in records.values() for trial in record["trials"]]
    title = f"{result['experiment']} ({result['network']})" if result["network"] else result["experiment"]
    kind, select = result["target"]["kind"], result["select"]
    score, ratio = metrics.headline(kind), trial_table.validation_to_train(result["groups"])
    formats = args.recipe.take("formats")["formats"] if args.recipe else ["png"]
    with whole(args.out) as folder:
        folder.mkdir(parents=True)

        def draw(figure: Figure, name: str) -> None:
            save_as(figure, folder / name, formats)

        for threshold, outcome in result["thresholds"].items():
            suffix = f"_t{threshold}" if threshold else ""
            draw_curves(records, outcome["chosen_trial"], title, f"training_curves{suffix}", draw)
            draw_choice(trials, outcome, threshold, select, ratio, title, f"chosen_trial{suffix}", draw)
            true, predicted = test_values(args.predictions, threshold)
            target = f", growth ratio > {threshold}" if threshold else ""
            heading = f"{title}{target}: test {metrics.in_words(kind, outcome['test'], outcome['test_interval'])}"
            if len(outcome["test_by_fold"]) > 1:
                heading += f"\nmeans over {len(outcome['test_by_fold'])} folds; drawn are all {true.size} predictions"
            if outcome["cautions"]:
                heading += f"\ncaution: {'; '.join(outcome['cautions'])}"
            if outcome["calibration"]:
                draw_reliability(args.predictions, threshold, outcome["calibration"], title, suffix, draw)
            if kind == GROWTH_RATIO:
                figure = experiment.predicted_against_true(true, predicted, heading)
                draw(figure, "predicted_against_true")
            else:
                classes = result["classes"] or ["normal", "abnormal"]
                classified = predicted > 0.5 if kind == ABNORMAL else predicted
                report(true.astype(int), classified.astype(int), classes, heading, folder, suffix, draw)
        for axis in AGAINST:
            if len({trial["params"].get(axis) for trial in trials}) > 1:
                figure = experiment.score_against(trials, axis, score, select, ratio, title)
                draw(figure, f"{score}_against_{axis}")
        if "feature_subset" in trials[0]["params"]:
            ablate(trials, score, select, title, folder, draw)


def draw_choice(
    trials: list[dict],
    outcome: dict,
    threshold: str,
    select: str,
    ratio: float,
    title: str,
    file: str,
    draw: Draw,
) -> None:
    """Draw why a threshold's trial was chosen; there is nothing to choose from a single trial."""
    of_threshold = [trial for trial in trials if number(trial["params"].get("threshold")) == threshold]
    if len(of_threshold) > 1:
        task = f", growth ratio > {threshold}" if threshold else ""
        heading = f"{title}{task}: trials by their score on validation data"
        draw(experiment.chosen_trial(of_threshold, outcome["chosen_by_fold"], select, ratio, heading), file)


def draw_curves(records: dict[Path, dict], name: str, title: str, file: str, draw: Draw) -> None:
    """Draw a trial's training curves; a model that is not trained in iterations has none."""
    steps, curves, columns, kept = curves_of(records, name)
    if steps.size:
        unit = records[next(iter(records))]["unit"]
        draw(experiment.training_curves(steps, curves, columns, kept, f"{title}: {name}", unit), file)


def curves_of(records: dict[Path, dict], name: str) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """A trial's steps, curves by fold, their columns, and kept iterations."""
    for folder, record in records.items():
        for i, trial in enumerate(record["trials"]):
            if trial["trial"] == name:
                with hdf5.opened(folder / "history.h5") as file:
                    kept = np.array([measured["iteration"] for measured in trial["by_fold"].values()])
                    columns = [column.decode() for column in file.attrs["columns"]]
                    return file["steps"][:], file["curves"][i], columns, kept
    raise BadInput(f"the chosen trial {name} is in none of the folders of --trials")


def test_values(path: Path, threshold: str) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted values of the test subsets of all folds, one after another: float [n] each."""
    header, rows = csv_table.read(path)
    at, subset = header.index("threshold"), header.index("subset")
    values = [(row[-2], row[-1]) for row in rows if row[at] == threshold and row[subset] == "test"]
    true, predicted = np.array(values, float).reshape(-1, 2).T
    return true, predicted


def draw_reliability(path: Path, threshold: str, calibrated: dict, title: str, suffix: str, draw: Draw) -> None:
    """Draw the frequency of abnormal growth against the predicted and the calibrated probability."""
    rows = [row for row in csv_table.records(path) if row["threshold"] == threshold and row["subset"] == "test"]
    true = np.array([float(row["abnormal"]) for row in rows]) > 0.5
    raw = np.array([float(row["probability_abnormal"]) for row in rows])
    fold, scaled = np.array([row["fold"] for row in rows]), raw.copy()
    for name, scaling in calibrated["by_fold"].items():
        if scaling:
            scaled[fold == name] = calibration.scaled(scaling, raw[fold == name])
    copies = len(rows) / len({(row["microstructure"], row["grain"]) for row in rows})
    labels = {"as predicted": raw, "calibrated on validation data": scaled}
    heading = f"{title}, growth ratio > {threshold}: reliability on test data"
    draw(reliability.reliability(true, labels, copies, heading), f"reliability{suffix}")


def report(
    true: np.ndarray, predicted: np.ndarray, classes: list[str], heading: str, folder: Path, suffix: str, draw: Draw
) -> None:
    """Draw the confusion matrix of some classes and write their precision, recall and F1."""
    labels = range(len(classes))
    counts = confusion_matrix(true, predicted, labels=labels)
    draw(experiment.confusion_matrix(counts, classes, heading), f"confusion_matrix{suffix}")
    measured = precision_recall_fscore_support(true, predicted, labels=labels, zero_division=0)
    rows = [(name, *(f"{value:.6g}" for value in values)) for name, *values in zip(classes, *measured, strict=True)]
    header = ("class", "precision", "recall", "f1", "count")
    csv_table.write(folder / f"classification_report{suffix}.csv", header, rows)


def ablate(trials: list[dict], score: str, select: str, title: str, folder: Path, draw: Draw) -> None:
    """Write the ranking of feature subsets, and draw the gain from each feature, for each threshold."""
    rows = []
    for threshold in sorted({trial["params"].get("threshold") for trial in trials}):
        best = ablation.best_by_feature_subset((t for t in trials if t["params"].get("threshold") == threshold), select)
        shown_threshold = "" if threshold is None else f"{threshold:g}"
        ranked = sorted(best.items(), key=lambda item: -metrics.selection_score(score, item[1]["validation"][score]))
        for subset, trial in ranked:
            values = [shown(trial["validation"][name]) for name in (score, select)]
            rows.append((shown_threshold, subset.replace("+", " "), subset.count("+") + 1, *values, trial["trial"]))
        gains = ablation.importance(best, score)
        mean, error, pairs = (np.array(column) for column in zip(*gains.values(), strict=True))
        heading = f"{title}, growth ratio > {shown_threshold}" if shown_threshold else title
        figure = experiment.importance(list(gains), mean, error, pairs, score, heading)
        draw(figure, f"feature_importance{'_t' + shown_threshold if shown_threshold else ''}")
    header = ("threshold", "features", "number", f"validation_{score}", f"validation_{select}", "trial")
    csv_table.write(folder / "feature_subsets.csv", header, rows)


def shown(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


if __name__ == "__main__":
    p = parser("figures", __doc__)
    add_argument(p, '{"formats": ["png", "svg"]}', required=False)
    p.add_argument("--trials", type=Path, nargs="+", required=True, help="folders of the experiment's training jobs")
    p.add_argument("--metrics", type=Path, required=True, help="the experiment's test_metrics.json")
    p.add_argument("--predictions", type=Path, required=True, help="the experiment's predictions.csv")
    p.add_argument("--out", type=Path, required=True, help="folder for figures and tables")
    run(main, p)
