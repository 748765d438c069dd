"""One table of all experiments' test results, best first within each data set, target and threshold."""

import argparse
import json
from pathlib import Path

from graincast.evaluation.metrics import BASELINES, METRICS, headline, selection_score
from graincast.files import csv_table
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument

ABOUT = ("dataset", "experiment", "model", "features", "network", "split")


def main(args: argparse.Namespace) -> None:
    rows = []
    for path in args.metrics:
        result = json.loads(path.read_text(encoding="utf-8"))
        kind = result["target"]["kind"]
        first = headline(kind)
        for threshold, outcome in result["thresholds"].items():
            test = outcome["test"]
            rows.append(
                {
                    **{key: result[key] or "" for key in ABOUT},
                    "target": kind,
                    "threshold": float(threshold) if threshold else "",
                    "folds": len(outcome["test_by_fold"]),
                    "test_predictions": test["count"],
                    **{name: test.get(name, "") for name in METRICS},
                    "std": outcome["test_std_over_folds"][first],
                    **{name: test.get(name, "") for name in BASELINES},
                    "cautions": "; ".join(outcome["cautions"]),
                    "chosen_trial": outcome["chosen_trial"],
                }
            )
            rows[-1]["rank"] = -selection_score(first, test[first])
    rows.sort(key=lambda row: (row["dataset"], row["target"], row["threshold"] or 0, row["rank"], row["experiment"]))
    for row in rows:
        del row["rank"]
    shown = ([f"{v:.6g}" if isinstance(v, float) else v for v in row.values()] for row in rows)
    csv_table.write(args.out, list(rows[0]), shown)


if __name__ == "__main__":
    p = parser("compare", __doc__)
    add_argument(p)
    p.add_argument("--metrics", type=Path, nargs="+", required=True, help="the experiments' test_metrics.json")
    p.add_argument("--out", type=Path, required=True, help="CSV")
    run(main, p)
