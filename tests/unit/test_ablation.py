"""Feature importance: the mean gain from adding a feature to the subsets without it."""

import itertools

import pytest

from graincast.evaluation.ablation import best_by_feature_subset, importance
from graincast.experiment.grid import feature_subsets

GAIN = {"type": 0.2, "area": 0.05, "degree": -0.01}


def trials(least: int = 1) -> list[dict]:
    """Two trials per subset, the worse loss with the better accuracy. Gains add up, with one interaction."""
    records = []
    for subset, nll in itertools.product(feature_subsets(list(GAIN), least, 3), (0.7, 0.4)):
        accuracy = 0.5 + sum(GAIN[feature] for feature in subset.split("+")) + (0.06 if subset == "type+area" else 0)
        validation = {"nll": nll, "accuracy": accuracy + (0.3 if nll > 0.5 else 0)}
        records.append({"trial": f"{subset} {nll}", "params": {"feature_subset": subset}, "validation": validation})
    return records


def test_feature_subsets_are_listed_by_size():
    assert feature_subsets("abc", 1, 3) == ["a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"]
    assert len(feature_subsets("abcdefg", 1, 7)) == 127
    assert feature_subsets("abc", 2, 9) == ["a+b", "a+c", "b+c", "a+b+c"]


def test_the_best_trial_of_a_subset_is_chosen_by_the_given_metric():
    assert {trial["validation"]["nll"] for trial in best_by_feature_subset(trials(), "nll").values()} == {0.4}
    assert {trial["validation"]["nll"] for trial in best_by_feature_subset(trials(), "accuracy").values()} == {0.7}


def test_importance_is_the_mean_gain_over_pairs_that_differ_in_the_feature_alone():
    gains = importance(best_by_feature_subset(trials(), "nll"), "accuracy")
    assert {name: pairs for name, (_, _, pairs) in gains.items()} == {"type": 3, "area": 3, "degree": 3}
    assert gains["type"][0] == pytest.approx(0.2 + 0.06 / 3)  # added to area (with the interaction), degree, both
    assert gains["degree"][0] == pytest.approx(-0.01 - 0.06 / 3)  # added to area+type it removes the interaction
    assert gains["type"][1] == pytest.approx(0.02)


def test_a_feature_of_every_subset_has_no_importance():
    best = best_by_feature_subset(trials(3), "nll")
    assert all(gain != gain and pairs == 0 for gain, _, pairs in importance(best, "accuracy").values())
