"""What a feature is worth: the mean of what it adds to the subsets without it."""

import itertools

import pytest

from graincast.evaluation.ablation import best_by_feature_subset, importance
from graincast.experiment.grid import feature_subsets

WORTH = {"type": 0.2, "area": 0.05, "degree": -0.01}


def trials(least: int = 1) -> list[dict]:
    """Each subset with two trials, the worse of which has more accuracy; accuracies add up but for one interaction."""
    made = []
    for subset, nll in itertools.product(feature_subsets(list(WORTH), least, 3), (0.7, 0.4)):
        accuracy = 0.5 + sum(WORTH[feature] for feature in subset.split("+")) + (0.06 if subset == "type+area" else 0)
        validation = {"nll": nll, "accuracy": accuracy + (0.3 if nll > 0.5 else 0)}
        made.append({"trial": f"{subset} {nll}", "params": {"feature_subset": subset}, "validation": validation})
    return made


def test_all_feature_subsets():
    assert feature_subsets("abc", 1, 3) == ["a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"]
    assert len(feature_subsets("abcdefg", 1, 7)) == 127
    assert feature_subsets("abc", 2, 9) == ["a+b", "a+c", "b+c", "a+b+c"]


def test_the_best_trial_of_a_subset_is_that_of_the_chosen_metric():
    assert {trial["validation"]["nll"] for trial in best_by_feature_subset(trials(), "nll").values()} == {0.4}
    assert {trial["validation"]["nll"] for trial in best_by_feature_subset(trials(), "accuracy").values()} == {0.7}


def test_importance_is_the_mean_gain_over_pairs_that_differ_in_the_feature_alone():
    found = importance(best_by_feature_subset(trials(), "nll"), "accuracy")
    assert {name: pairs for name, (_, _, pairs) in found.items()} == {"type": 3, "area": 3, "degree": 3}
    assert found["type"][0] == pytest.approx(0.2 + 0.06 / 3)  # added to area (with the interaction), degree, both
    assert found["degree"][0] == pytest.approx(-0.01 - 0.06 / 3)  # of area+type, it takes the interaction away
    assert found["type"][1] == pytest.approx(0.02)


def test_a_feature_that_every_subset_has_is_not_measured():
    best = best_by_feature_subset(trials(3), "nll")
    assert all(gain != gain and pairs == 0 for gain, _, pairs in importance(best, "accuracy").values())
