"""Print the main results and where the files are."""

import argparse
from collections.abc import Collection
from pathlib import Path

from graincast.evaluation import metrics
from graincast.program.main import parser, run
from graincast.report.results import Results
from graincast.report.words import between, rejected

FORMATS = ("png", "svg", "pdf")
HEADER = ("experiment", "", "target", "n", "rejected", "result (95 % interval)")


def result(row: dict[str, str]) -> str:
    """The main metrics of a row of the comparison with their intervals."""
    measured = {name: float(row[name]) if row[name] else None for name in metrics.main_metrics(row["target"])}
    return metrics.in_words(row["target"], measured, {name: between(row, name) for name in measured})


def beside(row: dict[str, str]) -> str:
    """What to compare a result with: the baseline, another experiment, the ceiling; and how it came about."""
    baselines = [f"{label} {float(row[name]):.3f}" for name, label in metrics.BASELINES.items() if row[name]]
    network = [f"by {row['network']}"] if row["network"] else []
    folds = [f"{row['folds']} folds"] if row["folds"] != "1" else []
    parts = [*baselines, *against(row), *to_ceiling(row), *network, *folds, f"chosen {row['chosen_trial']}"]
    return ", ".join(parts)


def to_ceiling(row: dict[str, str]) -> list[str]:
    """How far a result goes from the trivial baseline to the best that is possible."""
    if not row["share_of_ceiling"]:
        return []
    return [f"{float(row['share_of_ceiling']):.0%} of the way to the ceiling of {float(row['ceiling']):.3f}"]


def against(row: dict[str, str]) -> list[str]:
    """The difference to another experiment on the same groups."""
    if not row["difference"] or row["reference"] == row["experiment"]:
        return []
    interval = between(row, "difference")
    limits = f" ({interval[0]:+.3f} to {interval[1]:+.3f})" if interval else ""
    return [f"{float(row['difference']):+.3f}{limits} against {row['reference']}"]


def table(results: Results, new: Collection[str]) -> list[str]:
    """The comparison as lines: a header, and for each row a line, with further ones below it.

    new  experiments that were evaluated in this run, whose rows are marked
    """
    of_dataset = {name: rejected_of(results, name) for name in results.datasets}
    cells: list[tuple[str, ...]] = [HEADER]
    below: list[list[str]] = [[]]
    for row in results.rows:
        target = f"{row['target']} > {row['threshold']}" if row["threshold"] else row["target"]
        mark = "new" if row["experiment"] in new else ""
        about = (row["test_predictions"], of_dataset[row["dataset"]] or "?")
        cells.append((row["experiment"], mark, target, *about, result(row)))
        below.append([beside(row), *([f"caution: {row['cautions']}"] if row["cautions"] else [])])
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADER) - 1)]
    lines = []
    for line, further in zip(cells, below, strict=True):
        first = [f"{cell:{width}}" for cell, width in zip(line, widths, strict=False)]
        lines += ["  ".join([*first, line[-1]]), *(f"    {text}" for text in further)]
    return lines


def rejected_of(results: Results, dataset: str) -> str:
    """How much of a data set was rejected; "" where that is not known."""
    found = results.rejected(dataset)
    return rejected(None if found is None else len(found), len(results.summary(dataset)))


def main(args: argparse.Namespace) -> None:
    path = args.results / "comparison.csv"
    if not path.is_file():
        return  # a dry run, or another target
    print()
    for line in table(Results(args.results), args.new):
        print(line)
    drawn = [file.name for file in sorted(args.results.glob("comparison.*")) if file.suffix.lstrip(".") in FORMATS]
    print(f"\n{path}  all experiments side by side; drawn in {', '.join(drawn) or 'no figure yet'}")
    print(f"{args.results}/experiments/…  test_metrics.json, trials.csv, predictions.csv, figures/ of each")
    print(f"{args.results}/datasets/…  summary.csv and rejected.csv of each data set")
    print("make report  all of it as one page; make ui  every trial as an MLflow run")


if __name__ == "__main__":
    p = parser("where", __doc__)
    p.add_argument("--results", type=Path, default=Path("results"))
    p.add_argument("--new", nargs="*", default=[], help="experiments that were evaluated in this run")
    run(main, p)
