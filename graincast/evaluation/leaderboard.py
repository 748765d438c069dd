"""The leaderboard: the experiments of each task, the leader first, by validation data alone, with what each costs."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from graincast.evaluation.metrics import selection_score
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL

TASK = ("dataset", "split", "target", "threshold")
"""What experiments share that can be ranked."""
RANKED_BY = {ABNORMAL: "nll", GROWTH_RATIO: "mse", LABEL: "accuracy"}
"""The validation metric by which all models of a task are ranked, whatever chose their trials."""
SCORES = {ABNORMAL: ("accuracy", "auc"), GROWTH_RATIO: ("r2", "mae"), LABEL: ("accuracy",)}
COMPARED = ("reference", "difference", "difference_low", "difference_high", "ceiling", "share_of_ceiling")
COSTS = ("train_s", "features_ms", "predict_ms")
ENDS = ("", "_low", "_high")
SCORE_COLUMNS = tuple(dict.fromkeys(f"{name}{end}" for names in SCORES.values() for name in names for end in ENDS))
COLUMNS = (
    *("rank", *TASK, "experiment", "model", "features", "ranked_by", "validation"),
    *(*SCORE_COLUMNS, *COMPARED, "test_groups", *COSTS),
)
"""The columns of leaderboard.csv."""


def validation_of_chosen(trials: Iterable[dict], chosen: Mapping[str, str], metric: str) -> float | None:
    """The mean over folds of a validation metric of the trials that they chose; None where one is undefined.

    trials  entries of trials.json; chosen: {fold: trial}
    """
    by_name = {trial["trial"]: trial["by_fold"] for trial in trials}
    values = [by_name[trial][fold][metric] for fold, trial in chosen.items()]
    return None if any(value is None for value in values) else sum(values) / len(values)


def costs(experiment: Path, dataset: str, features: str) -> dict[str, float | str]:
    """What an experiment cost where it ran, "" where that was not noted.

    experiment  its folder of results
    train_s is the time of its training jobs; features_ms and predict_ms are those of one microstructure, the first of
    the step that computed its features with all others of its set.
    """
    jobs = [_seconds(path) for path in sorted(experiment.glob("trials/*/cost.json"))]
    members = experiment / "members" / "cost.json"
    jobs += [_seconds(members)] if members.is_file() else []
    tested = _json(experiment / "cost.json")
    steps = experiment.parents[1] / "benchmarks" / "features" / dataset / f"{features}.jsonl"
    count = tested.get("microstructures")
    took = _json(steps).get("s")
    return {
        "train_s": round(sum(jobs), 1) if jobs else "",
        "features_ms": round(1e3 * took / count, 2) if count and isinstance(took, int | float) else "",
        "predict_ms": tested.get("predict_ms", ""),
    }


def ranked(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of leaderboard.csv, of tasks that several experiments share.

    rows  those of comparison.csv, each with `validation` and the costs
    """
    tasks: dict[tuple, list[dict]] = {}
    for row in rows:
        tasks.setdefault(tuple(row[key] for key in TASK), []).append(row)
    listed = []
    for key in sorted(tasks, key=lambda task: [str(part) for part in task]):
        metric = RANKED_BY[key[2]]
        if len(tasks[key]) > 1:
            order = sorted(tasks[key], key=lambda row: (-selection_score(metric, row["validation"]), row["experiment"]))
            listed += [_row(rank, metric, row) for rank, row in enumerate(order, 1)]
    return listed


def _row(rank: int, metric: str, row: dict[str, Any]) -> dict[str, Any]:
    found = {**row, "rank": rank, "ranked_by": f"validation {metric}"}
    of_other_kinds = {*SCORE_COLUMNS} - {f"{name}{end}" for name in SCORES[row["target"]] for end in ENDS}
    return {key: "" if key in of_other_kinds or found[key] is None else found[key] for key in COLUMNS}


def _seconds(path: Path) -> float:
    return float(_json(path).get("wall_s", 0))


def _json(path: Path) -> dict:
    """What a small file about cost holds; nothing where it is not there, or was cut."""
    try:
        return json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return {}
