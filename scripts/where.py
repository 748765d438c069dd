"""Print the main results and where the files are."""

import argparse
from pathlib import Path

from graincast.evaluation import metrics
from graincast.files import csv_table
from graincast.program.main import parser, run

FORMATS = ("png", "svg", "pdf")


def shown(row: dict[str, str]) -> str:
    """The main metrics of a row of the comparison, and the trivial baseline."""
    kind = row["target"]
    measured = {name: float(row[name]) if row[name] else None for name in metrics.main_metrics(kind)}
    baselines = [f"{label} {float(row[name]):.3f}" for name, label in metrics.BASELINES.items() if row[name]]
    network = [f"by {row['network']}"] if row["network"] else []
    return ", ".join([metrics.in_words(kind, measured), *baselines, *network])


def main(args: argparse.Namespace) -> None:
    path = args.results / "comparison.csv"
    if not path.is_file():
        return  # a dry run, or another target
    rows = csv_table.records(path)
    print(f"\n{'experiment':32} {'target':>16}  result")
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
