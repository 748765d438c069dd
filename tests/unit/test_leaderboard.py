"""The leaderboard: ranked by validation data alone; costs where they were noted."""

import json

import pytest

from graincast.evaluation import leaderboard
from graincast.evaluation.leaderboard import (
    COLUMNS,
    COMPARED,
    COSTS,
    SCORE_COLUMNS,
    costs,
    ranked,
    validation_of_chosen,
)


def row(experiment: str, validation: float | None, split: str = "folds", target: str = "abnormal", **more) -> dict:
    empty = dict.fromkeys((*SCORE_COLUMNS, *COMPARED, *COSTS, "test_groups"), "")
    task = {"dataset": "made", "split": split, "target": target, "threshold": 10.0}
    return empty | task | {"experiment": experiment, "model": "m", "features": "f", "validation": validation} | more


def test_the_leader_has_the_best_validation_score_whatever_its_test_result():
    rows = [row("lucky", 0.6, accuracy=0.99), row("leader", 0.4, accuracy=0.7), row("undefined", None, accuracy=1.0)]
    assert [(one["rank"], one["experiment"]) for one in ranked(rows)] == [(1, "leader"), (2, "lucky"), (3, "undefined")]
    assert all(tuple(one) == COLUMNS for one in ranked(rows))


def test_only_experiments_of_one_task_are_ranked():
    rows = [
        row("a", 0.4),
        row("b", 0.5),
        row("alone", 0.1, split="other"),
        row("c", 3.0, target="growth-ratio", r2=0.5),
    ]
    rows.append(row("d", 2.0, target="growth-ratio", r2=0.4, accuracy=""))
    found = {one["experiment"]: (one["rank"], one["ranked_by"]) for one in ranked(rows)}
    nll, mse = "validation nll", "validation mse"
    assert found == {"a": (1, nll), "b": (2, nll), "d": (1, mse), "c": (2, mse)}


def test_the_validation_score_is_that_of_the_trials_that_the_folds_chose():
    trials = [
        {"trial": "t1", "by_fold": {"1": {"nll": 0.2}, "2": {"nll": 0.9}}},
        {"trial": "t2", "by_fold": {"1": {"nll": 0.8}, "2": {"nll": 0.4}}},
    ]
    assert validation_of_chosen(trials, {"1": "t1", "2": "t2"}, "nll") == pytest.approx(0.3)
    trials[1]["by_fold"]["2"]["nll"] = None
    assert validation_of_chosen(trials, {"1": "t1", "2": "t2"}, "nll") is None


def test_costs_are_those_that_the_steps_noted(tmp_path):
    experiment = tmp_path / "experiments/sgc"
    for job, seconds in (("a", 1.5), ("b", 2.0)):
        (experiment / "trials" / job).mkdir(parents=True)
        (experiment / "trials" / job / "cost.json").write_text(json.dumps({"wall_s": seconds}))
    (experiment / "cost.json").write_text(json.dumps({"microstructures": 200, "predict_ms": 0.25}))
    step = tmp_path / "benchmarks/features/made/shells.jsonl"
    step.parent.mkdir(parents=True)
    step.write_text('{"s": 4.0}\n')
    assert costs(experiment, "made", "shells") == {"train_s": 3.5, "features_ms": 20.0, "predict_ms": 0.25}
    step.write_text("{")
    (experiment / "cost.json").unlink()
    assert costs(experiment, "made", "shells") == {"train_s": 3.5, "features_ms": "", "predict_ms": ""}
    assert set(leaderboard.costs(tmp_path / "experiments/none", "made", "shells").values()) == {""}
