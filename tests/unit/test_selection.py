"""Choosing a trial: for each threshold and fold separately, the first of equals."""

import numpy as np
import pytest

from graincast.evaluation.metrics import METRICS, measure
from graincast.evaluation.selection import choose, most_chosen
from graincast.microstructure import BadInput


def trial(name, threshold, **scores):
    """scores: fold = (nll, accuracy)"""
    by_fold = {fold: {"nll": nll, "accuracy": accuracy} for fold, (nll, accuracy) in scores.items()}
    return {"trial": name, "params": {"threshold": threshold}, "by_fold": by_fold}


def test_each_threshold_and_fold_chooses_for_itself():
    trials = [
        trial("a6", 6, f1=(0.9, 0.60), f2=(0.5, 0.70)),
        trial("b6", 6, f1=(0.8, 0.55), f2=(0.6, 0.75)),
        trial("a12", 12, f1=(0.1, 0.95), f2=(0.3, 0.90)),  # far better, but at another task
        trial("b12", 12, f1=(0.2, 0.99), f2=(0.2, 0.80)),
    ]
    assert choose(trials, "nll") == {6: {"f1": "b6", "f2": "a6"}, 12: {"f1": "a12", "f2": "b12"}}
    assert choose(trials, "accuracy") == {6: {"f1": "a6", "f2": "b6"}, 12: {"f1": "b12", "f2": "a12"}}


def test_choices_do_not_depend_on_other_thresholds_or_folds():
    rng = np.random.default_rng(0)
    trials = [
        trial(f"{t}-{i}", t, **{f"f{fold}": tuple(rng.random(2)) for fold in range(4)})
        for t in (6, 8, 10)
        for i in range(9)
    ]
    together = choose(trials, "nll")
    for threshold, chosen in together.items():
        candidates = [record for record in trials if record["params"]["threshold"] == threshold]
        assert choose(candidates, "nll") == {threshold: chosen}
        for fold, name in chosen.items():
            losses = {record["trial"]: record["by_fold"][fold]["nll"] for record in candidates}
            assert losses[name] == min(losses.values())


@pytest.mark.parametrize("metric", ["nll", "accuracy"])
def test_the_first_of_equals_is_chosen(metric):
    trials = [trial("worse", 1, all=(0.5, 0.1)), trial("z", 1, all=(0.3, 0.5)), trial("a", 1, all=(0.3, 0.5))]
    assert choose(trials, metric) == {1: {"all": "z"}}


def test_a_trial_with_an_undefined_metric_ranks_last():
    trials = [trial("none", 1, f1=(0, None)), trial("low", 1, f1=(0, 0.01)), trial("none too", 1, f1=(0, None))]
    assert choose(trials, "accuracy") == {1: {"f1": "low"}}


@pytest.mark.parametrize(
    ("threshold", "task", "remedies"),
    [
        (8.0, "threshold 8, fold f2", "another `select`, a larger validation fraction or another threshold"),
        (None, "fold f2", "another `select` or a larger validation fraction"),
    ],
)
@pytest.mark.parametrize("metric", [name for name, metric in METRICS.items() if metric.selects and metric.undefined])
def test_a_metric_that_is_undefined_for_all_trials_chooses_none(metric, threshold, task, remedies):
    values = {"f1": {metric: 0.5}, "f2": {metric: None}}
    trials = [{"trial": name, "params": {"threshold": threshold}, "by_fold": values} for name in "ab"]
    with pytest.raises(BadInput) as refused:
        choose(trials, metric)
    message = str(refused.value)
    assert f"by {metric} for {task}: " in message
    assert message.endswith(f"{METRICS[metric].undefined}; choose {remedies}")
    assert "\n" not in message


def test_validation_data_of_one_class_leave_no_choice_by_auc():
    true, predicted = np.zeros(4, bool), np.array([0.1, 0.2, 0.3, 0.4])
    measured = {"all": measure("abnormal", true, predicted)}
    trials = [{"trial": name, "params": {"threshold": 2}, "by_fold": measured} for name in "ab"]
    with pytest.raises(BadInput, match="all values are of one class"):
        choose(trials, "auc")
    assert choose(trials, "nll") == {2: {"all": "a"}}


def test_the_trial_chosen_by_most_folds_is_named():
    assert most_chosen({"f1": "a", "f2": "b", "f3": "b"}) == "b"
    assert most_chosen({"f1": "b", "f2": "a", "f3": "a", "f4": "b"}) == "b"  # of equals, the first
