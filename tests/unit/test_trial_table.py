"""The table of trials says why one was chosen."""

import pytest

from graincast.evaluation import trial_table
from graincast.evaluation.metrics import mean, selecting
from graincast.experiment.targets import ABNORMAL

LOSSES = {"a": [0.5, 0.7], "b": [0.3, 0.4], "c": [0.6, 0.2], "d": [0.1, 0.1]}


def trial(name: str, threshold: float) -> dict:
    values = dict.fromkeys(selecting(ABNORMAL), 0.5)
    by_fold = {fold: values | {"nll": loss} for fold, loss in zip("xy", LOSSES[name], strict=True)}
    return {"trial": name, "params": {"threshold": threshold}, "by_fold": by_fold, "validation": mean(by_fold.values())}


TRIALS = [trial("a", 8), trial("b", 8), trial("c", 8), trial("d", 10)]
CHOSEN = {8: {"x": "b", "y": "c"}, 10: {"x": "d", "y": "d"}}


def records() -> dict[str, dict]:
    header, rows = trial_table.rows(TRIALS, CHOSEN, ABNORMAL, "nll", 0.25)
    return {row[0]: dict(zip(header, row, strict=True)) for row in rows}


def test_trials_are_ranked_within_their_threshold_and_keep_their_order():
    found = records()
    assert list(found) == list(LOSSES)
    assert {name: row["rank"] for name, row in found.items()} == {"a": 3, "b": 1, "c": 2, "d": 1}
    assert {name: float(row["behind_best"]) for name, row in found.items()} == pytest.approx(
        {"a": 0.25, "b": 0, "c": 0.05, "d": 0}
    )
    assert {name: row["chosen"] for name, row in found.items()} == {"a": 0, "b": 1, "c": 1, "d": 2}


def test_the_score_that_selects_has_an_interval_that_never_leaves_its_range():
    found = records()
    for name in "abc":
        low, middle, high = (float(found[name][f"validation_nll{end}"]) for end in ("_low", "", "_high"))
        assert 0 <= low < middle < high
    assert found["d"]["validation_nll_low"] == ""  # the folds agree


def test_the_ratio_of_groups_is_a_mean_over_the_folds():
    groups = {"x": {"train": 10, "validation": 1, "test": 5}, "y": {"train": 10, "validation": 3, "test": 5}}
    assert trial_table.validation_to_train(groups) == pytest.approx(0.2)
