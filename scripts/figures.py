"""Draw an experiment's figures, and write its tables, from its stored results."""

import argparse
from pathlib import Path

from graincast.evaluation import ablation, classification, metrics, test_data
from graincast.experiment.grid import number
from graincast.experiment.targets import GROWTH_RATIO
from graincast.figures.of_experiment import Stored, classes_of, confusion, figures, stored
from graincast.figures.style import save_as
from graincast.files import csv_table
from graincast.files.atomic import whole
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    formats = args.recipe.take("formats")["formats"] if args.recipe else ["png"]
    of = stored(args.metrics, args.trials, args.predictions)
    with whole(args.out) as folder:
        folder.mkdir(parents=True)
        for drawn in figures(of):
            save_as(drawn.figure, folder / drawn.name, formats)
        if of.kind != GROWTH_RATIO:
            write_classification_reports(of, folder)
        if "feature_subset" in of.trials[0]["params"]:
            write_feature_subsets(of, folder)


def write_classification_reports(of: Stored, folder: Path) -> None:
    """Write the precision, recall and F1 of each class, a table per threshold."""
    for threshold in of.result["thresholds"]:
        measured = classification.report(confusion(of, test_data.read(of.predictions, threshold)))
        rows = [(name, *(f"{v:.6g}" for v in row)) for name, row in zip(classes_of(of), measured, strict=True)]
        file = f"classification_report{f'_t{threshold}' if threshold else ''}.csv"
        csv_table.write(folder / file, ("class", "precision", "recall", "f1", "count"), rows)


def write_feature_subsets(of: Stored, folder: Path) -> None:
    """Write the ranking of feature subsets for each threshold."""
    score, select = metrics.headline(of.kind), of.result["select"]
    rows = []
    for threshold in sorted({trial["params"].get("threshold") for trial in of.trials}):
        trials = (trial for trial in of.trials if trial["params"].get("threshold") == threshold)
        best = ablation.best_by_feature_subset(trials, select)
        ranked = sorted(best.items(), key=lambda item: -metrics.selection_score(score, item[1]["validation"][score]))
        for subset, trial in ranked:
            values = [shown(trial["validation"][name]) for name in (score, select)]
            rows.append((number(threshold), subset.replace("+", " "), subset.count("+") + 1, *values, trial["trial"]))
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
