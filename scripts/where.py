"""Print the main results and where the files are."""

import argparse
from pathlib import Path

from graincast.evaluation import metrics
from graincast.files import csv_table
from graincast.program.main import parser, run

FORMATS = ("png", "svg", "pdf")


def shown(row: dict[str, str]) -> str:
    """The main metrics of a row of the comparison with their intervals, the baseline, and the paired difference."""
    kind = row["target"]
    measured = {name: float(row[name]) if row[name] else None for name in metrics.main_metrics(kind)}
    intervals = {name: between(row, name) for name in measured}
    baselines = [f"{label} {float(row[name]):.3f}" for name, label in metrics.BASELINES.items() if row[name]]
    network = [f"by {row['network']}"] if row["network"] else []
    return ", ".join(
        [metrics.in_words(kind, measured, intervals), *baselines, *against(row), *to_ceiling(row), *network]
    )


def between(row: dict[str, str], name: str) -> list[float] | None:
    """The interval of a column."""
    limits = [row[f"{name}_low"], row[f"{name}_high"]]
    return [float(limit) for limit in limits] if all(limits) else None


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


def main(args: argparse.Namespace) -> None:
    path = args.results / "comparison.csv"
    if not path.is_file():
        return  # a dry run, or another target
    rows = csv_table.records(path)
    print(f"\n{'experiment':32} {'target':>16}  result (95 % interval)")
    for row in rows:
        target = f"{row['target']} > {row['threshold']}" if row["threshold"] else row["target"]
        print(f"{row['experiment']:32} {target:>16}  {shown(row)}; chosen {row['chosen_trial']}")
        if row["cautions"]:
            print(f"{'':32} {'':>16}  caution: {row['cautions']}")
    drawn = [file.name for file in sorted(args.results.glob("comparison.*")) if file.suffix.lstrip(".") in FORMATS]
    print(f"\n{path}  all experiments side by side; drawn in {', '.join(drawn) or 'no figure yet'}")
    print(f"{args.results}/experiments/…  test_metrics.json, trials.csv, predictions.csv, figures/ of each")
    print(f"{args.results}/datasets/…  summary.csv and rejected.csv of each data set")
    print("make ui  every trial as an MLflow run")


if __name__ == "__main__":
    p = parser("where", __doc__)
    p.add_argument("--results", type=Path, default=Path("results"))
    run(main, p)
