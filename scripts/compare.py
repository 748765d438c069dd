"""All experiments' test results in one table, best first within each task, and the leaderboard by validation data."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from graincast.evaluation import ceiling, leaderboard, paired
from graincast.evaluation.metrics import BASELINES, METRICS, headline, selection_score
from graincast.experiment.grid import number
from graincast.experiment.targets import GROWTH_RATIO
from graincast.files import csv_table
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument

ABOUT = ("dataset", "experiment", "model", "features", "network", "split")


def main(args: argparse.Namespace) -> None:
    rows, predictions, also = [], {}, []
    ceilings = {found["dataset"]: found for found in (json.loads(path.read_bytes()) for path in args.ceilings)}
    for path in args.metrics:
        result = json.loads(path.read_text(encoding="utf-8"))
        kind = result["target"]["kind"]
        spent = leaderboard.costs(path.parent, result["dataset"], result["features"])
        for threshold, outcome in result["thresholds"].items():
            row = {key: result[key] or "" for key in ABOUT} | {"target": kind}
            row |= {"threshold": float(threshold) if threshold else "", **measured(kind, outcome)}
            rows.append(row)
            source = (path.with_name("predictions.csv"), kind, threshold, result.get("groups", {}))
            predictions[row["experiment"], row["threshold"]] = source
            row |= ceiling_of(row, result["target"], ceilings.get(row["dataset"], {}))
            also.append((row, {"validation": outcome.get("validation")} | spent))
    add_differences(rows, predictions, args.reference)
    rows.sort(key=rank)
    write(args.out, list(rows[0]), rows)
    if args.leaderboard:
        write(args.leaderboard, leaderboard.COLUMNS, leaderboard.ranked([row | more for row, more in also]))


def write(path: Path, header: Sequence[str], rows: list[dict]) -> None:
    """Write a table with numbers to six digits."""
    shown = ([f"{v:.6g}" if isinstance(v, float) else v for v in row.values()] for row in rows)
    csv_table.write(path, list(header), shown)


def measured(kind: str, outcome: dict) -> dict:
    """What an experiment reached at a threshold, as columns; results of earlier releases have no intervals."""
    test, intervals = outcome["test"], outcome.get("test_interval", {})
    row = {
        "folds": len(outcome["test_by_fold"]),
        "test_predictions": test["count"],
        "test_groups": outcome.get("test_groups", ""),
    }
    for name in METRICS:
        low, high = intervals.get(name) or ("", "")
        row |= {name: test.get(name, ""), f"{name}_low": low, f"{name}_high": high}
    return {
        **row,
        "std": outcome["test_std_over_folds"][headline(kind)],
        **{name: test.get(name, "") for name in BASELINES},
        "interval_method": outcome.get("interval_method", ""),
        **dict.fromkeys(("reference", "difference", "difference_low", "difference_high"), ""),
        "cautions": "; ".join(outcome["cautions"]),
        "chosen_trial": outcome["chosen_trial"],
    }


def ceiling_of(row: dict, target: dict, found: dict) -> dict:
    """The noise ceiling of a row's headline metric, and the share of the way there from the trivial baseline.

    A label made of several runs has the ceiling of repeats.
    """
    columns = dict.fromkeys(("ceiling", "ceiling_low", "ceiling_high", "ceiling_of", "share_of_ceiling"), "")
    mean = target.get("aggregate") in ("mean", "median") or target.get("fraction") == 0.5
    if "why_none" in found or not found or target.get("grains") != "candidate" or not mean:
        return columns
    of = "repeats" if found["runs"] > 1 else "single_run"
    if row["target"] == GROWTH_RATIO:
        best, trivial = found["r2"][of], 0.0
    else:
        at_threshold = found["thresholds"].get(number(row["threshold"]))
        if at_threshold is None:
            return columns
        best, trivial = at_threshold[of]["accuracy"], row["majority_class_accuracy"]
    low, high = best["interval"] or ("", "")
    reached, runs = row[headline(row["target"])], found["runs"]
    part = "" if reached is None else ceiling.share(reached, trivial, best["value"])
    named = f"{'mean' if row['target'] == GROWTH_RATIO else 'majority'} of {runs} runs"
    limits = {"ceiling": best["value"], "ceiling_low": low, "ceiling_high": high}
    return columns | limits | {"ceiling_of": named, "share_of_ceiling": "" if part is None else part}


def add_differences(rows: list[dict], predictions: dict[tuple, tuple], wanted: str) -> None:
    """Fill in each experiment's difference to the reference of its task, in the headline metric.

    predictions  {(experiment, threshold): arguments of paired.read}
    """
    tasks: dict[tuple, list[dict]] = {}
    for row in rows:
        tasks.setdefault(tuple(row[key] for key in leaderboard.TASK), []).append(row)
    for task in tasks.values():
        reference = paired.reference_of([row["experiment"] for row in task], wanted)
        if reference is None or len(task) == 1:
            continue
        tested = {row["experiment"]: paired.read(*predictions[row["experiment"], row["threshold"]]) for row in task}
        for row in task:
            kind = row["target"]
            found = paired.difference(kind, headline(kind), tested[row["experiment"]], tested[reference])
            if found is not None:
                low, high = found[1] or ("", "")
                row |= {"reference": reference, "difference": found[0], "difference_low": low, "difference_high": high}


def rank(row: dict) -> tuple:
    """The key by which rows are sorted: the best first within each data set, target and threshold."""
    first = headline(row["target"])
    score = selection_score(first, row[first])
    return row["dataset"], row["target"], row["threshold"] or 0, -score, row["experiment"]


if __name__ == "__main__":
    p = parser("compare", __doc__)
    add_argument(p)
    p.add_argument("--metrics", type=Path, nargs="+", required=True, help="the experiments' test_metrics.json")
    p.add_argument("--reference", default="sgc", help="experiment that others are compared with (default: sgc)")
    p.add_argument("--ceilings", type=Path, nargs="*", default=[], help="the data sets' ceiling.json")
    p.add_argument("--out", type=Path, required=True, help="CSV of all experiments")
    p.add_argument("--leaderboard", type=Path, help="CSV of those that share a task")
    run(main, p)
