"""Say where a run's results lie, and the main numbers."""

import csv
from pathlib import Path

from graincast.program import parser, run


def main(args) -> None:
    path = args.results / "comparison.csv"
    if not path.is_file():
        return  # a dry run, or another target
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    print(f"\n{'experiment':32} {'threshold':>9} {'accuracy':>9} {'AUC':>6} {'majority':>9}  chosen trial")
    for row in rows:
        auc = f"{float(row['auc']):.3f}" if row["auc"] else "-"
        print(
            f"{row['experiment']:32} {float(row['threshold']):9g} {float(row['accuracy']):9.3f} {auc:>6} "
            f"{float(row['majority_class_accuracy']):9.3f}  {row['chosen_trial']}"
        )
    print(f"\n{path}  all experiments side by side")
    print(f"{args.results}/experiments/…  test_metrics.json, trials.csv, predictions.csv, figures/ of each")
    print(f"{args.results}/datasets/…  summary.csv and rejected.csv of each data set")
    print("make ui  every trial as an MLflow run")


if __name__ == "__main__":
    p = parser("where", __doc__)
    p.add_argument("--results", type=Path, default=Path("results"))
    run(main, p)
