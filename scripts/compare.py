"""One table of all experiments' test results, best first within each data set and threshold."""

import json
from pathlib import Path

from graincast import csv_table
from graincast.program import parser, run

ABOUT = ("dataset", "experiment", "model", "features", "split")
METRICS = ("accuracy", "balanced_accuracy", "auc", "precision_abnormal", "recall_abnormal", "brier", "nll")


def main(args) -> None:
    rows = []
    for path in args.metrics:
        result = json.loads(path.read_text(encoding="utf-8"))
        for threshold, of in result["thresholds"].items():
            test = of["test"]
            rows.append(
                {
                    **{key: result[key] for key in ABOUT},
                    "threshold": float(threshold),
                    "partitions": len(of["test_by_partition"]),
                    "test_predictions": test["count"],
                    **{name: test[name] for name in METRICS},
                    "accuracy_spread": of["test_spread_over_partitions"]["accuracy"],
                    "majority_class_accuracy": test["majority_class_accuracy"],
                    "chosen_trial": of["chosen_trial"],
                }
            )
    rows.sort(key=lambda row: (row["dataset"], row["threshold"], -row["accuracy"], row["experiment"]))
    shown = ([f"{v:.6g}" if isinstance(v, float) else v for v in row.values()] for row in rows)
    csv_table.write(args.out, list(rows[0]), shown)


if __name__ == "__main__":
    p = parser("compare", __doc__)
    p.add_argument("--metrics", type=Path, nargs="+", required=True, help="the experiments' test_metrics.json")
    p.add_argument("--out", type=Path, required=True, help="CSV")
    run(main, p)
