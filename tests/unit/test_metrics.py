"""Metrics: properties of every entry of the table, scikit-learn's values, and cases worked by hand."""

import itertools
import json

import numpy as np
import pytest
from sklearn import metrics as reference

from graincast.evaluation import metrics
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL

N, BLOCK = 120, 20
EACH = [(name, kind) for name, metric in metrics.METRICS.items() for kind in metric.kinds]
TRUE = {
    ABNORMAL: np.random.default_rng(0).random(N) < 0.4,
    GROWTH_RATIO: np.random.default_rng(1).uniform(0, 20, N),
    LABEL: np.random.default_rng(2).integers(0, 3, N),
}
HOLDS = {
    "": lambda true, predicted: False,
    "all values are of one class": lambda true, predicted: len(set(true.tolist())) == 1,
    "all values are equal": lambda true, predicted: len(set(true.tolist())) == 1,
    "no value is abnormal": lambda true, predicted: not true.any(),
    "no value is predicted to be abnormal": lambda true, predicted: predicted.max() <= 0.5,
}
"""What the reasons say for which a metric is undefined."""
REFERENCE = {
    "accuracy": lambda true, predicted, decided: reference.accuracy_score(true, decided),
    "balanced_accuracy": lambda true, predicted, decided: reference.balanced_accuracy_score(true, decided),
    "auc": lambda true, predicted, decided: reference.roc_auc_score(true, predicted),
    "precision_abnormal": lambda true, predicted, decided: reference.precision_score(true, decided),
    "recall_abnormal": lambda true, predicted, decided: reference.recall_score(true, decided),
    "brier": lambda true, predicted, decided: reference.brier_score_loss(true, predicted),
    "nll": lambda true, predicted, decided: reference.log_loss(true, np.clip(predicted, 1e-12, 1 - 1e-12)),
    "r2": lambda true, predicted, decided: reference.r2_score(true, predicted),
    "mae": lambda true, predicted, decided: reference.mean_absolute_error(true, predicted),
    "rmse": lambda true, predicted, decided: reference.root_mean_squared_error(true, predicted),
    "mse": lambda true, predicted, decided: reference.mean_squared_error(true, predicted),
    "macro_f1": lambda true, predicted, decided: reference.f1_score(true, decided, average="macro"),
}


def perfect(kind: str, true: np.ndarray) -> np.ndarray:
    return np.eye(3)[true] if kind == LABEL else true.astype(float)


def wrong(kind: str, true: np.ndarray, count: int) -> np.ndarray:
    """Perfect predictions, except for the first `count`."""
    predicted = perfect(kind, true)
    if kind == GROWTH_RATIO:
        predicted[:count] += 3
    else:
        predicted[:count] = perfect(kind, ~true[:count] if kind == ABNORMAL else (true[:count] + 1) % 3)
    return predicted


def noisy(kind: str, true: np.ndarray, seed: int) -> np.ndarray:
    """Predictions that are often right, with ties."""
    predicted = perfect(kind, true)
    noise = np.random.default_rng(seed).uniform(0, 1, predicted.shape)
    return np.round(predicted + noise if kind == GROWTH_RATIO else 0.4 * predicted + 0.6 * noise, 2)


def samples(kind: str):
    """True and predicted values: ordinary ones, and ones that leave something out."""
    true = TRUE[kind]
    several = [true, np.full_like(true, true[0]), np.full_like(true, true[1]), true[:1]]
    if kind == ABNORMAL:
        several += [np.ones(5, bool), np.zeros(5, bool)]
    if kind == GROWTH_RATIO:
        several += [np.full(3, 0.1)]  # its variance is not 0
    for values in several:
        yield values, perfect(kind, values)
        yield values, noisy(kind, values, seed=5)
        yield values, np.full(perfect(kind, values).shape, 0.1)
        yield values, np.full(perfect(kind, values).shape, 0.9)


@pytest.mark.parametrize(("name", "kind"), EACH)
def test_a_metric_gets_worse_with_every_wrong_prediction(name, kind):
    true, metric = TRUE[kind], metrics.METRICS[name]
    values = [metric.function(true, wrong(kind, true, count)) for count in range(0, N - BLOCK, BLOCK)]
    scores = [metrics.selection_score(name, value) for value in values]
    assert all(better > worse for better, worse in itertools.pairwise(scores)), values
    assert values[0] == pytest.approx(1 if metric.larger_is_better else 0)


@pytest.mark.parametrize(("name", "kind"), EACH)
@pytest.mark.filterwarnings("error")
def test_a_metric_is_undefined_exactly_where_its_entry_says(name, kind):
    metric = metrics.METRICS[name]
    for true, predicted in samples(kind):
        value = metric.function(true, predicted)
        assert (value is None) == HOLDS[metric.undefined](true, predicted)
        assert value is None or (type(value) is float and np.isfinite(value))  # JSON takes no NumPy scalars


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, kind in EACH if name in REFERENCE])
@pytest.mark.parametrize("seed", range(3))
def test_a_metric_equals_that_of_scikit_learn(name, kind, seed):
    true = TRUE[kind]
    predicted = noisy(kind, true, seed)
    decided = predicted.argmax(axis=1) if kind == LABEL else predicted > 0.5
    expected = REFERENCE[name](true, predicted, decided)
    assert metrics.METRICS[name].function(true, predicted) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", TRUE)
def test_metrics_and_counts_are_measured_together(kind):
    true, predicted = TRUE[kind], noisy(kind, TRUE[kind], 0)
    measured = metrics.measure(kind, true, predicted)
    expected = {name: metrics.METRICS[name].function(true, predicted) for name in metrics.names(kind)}
    if kind == ABNORMAL:
        (tn, fp), (fn, tp) = reference.confusion_matrix(true, predicted > 0.5)
        expected |= dict(zip(metrics.COUNTS, (true.size, true.sum(), tp, fp, fn, tn), strict=True))
    else:
        expected["count"] = N
    assert measured == expected
    assert json.loads(json.dumps(measured)) == measured


@pytest.mark.parametrize("kind", TRUE)
def test_the_lists_of_a_kind_hold_its_metrics(kind):
    names = metrics.names(kind)
    assert set(metrics.selecting(kind)) == {name for name in names if metrics.METRICS[name].selects}
    assert metrics.selecting(kind)[0] == metrics.DEFAULT[kind]
    assert metrics.headline(kind) in metrics.main_metrics(kind)
    assert set(metrics.main_metrics(kind)) <= set(names)


def test_main_metrics_in_words():
    assert metrics.in_words(ABNORMAL, {"accuracy": 0.9123, "auc": None, "nll": 1.0}) == "accuracy 0.912, AUC undefined"


def test_a_probability_of_one_half_predicts_normal():
    measured = metrics.measure(ABNORMAL, [True, False], np.array([0.5, 0.5]))
    assert (measured["true_abnormal"], measured["false_normal"], measured["true_normal"]) == (0, 1, 1)


def test_metrics_of_a_case_worked_by_hand():
    measured = metrics.measure(ABNORMAL, [True, True, False, False, False], np.array([0.9, 0.2, 0.6, 0.1, 0.3]))
    assert measured["accuracy"] == 0.6
    assert measured["auc"] == pytest.approx(4 / 6)
    assert measured["precision_abnormal"] == measured["recall_abnormal"] == 0.5
    assert measured["brier"] == pytest.approx((0.01 + 0.64 + 0.36 + 0.01 + 0.09) / 5)
    assert measured["nll"] == pytest.approx(-np.log(0.9 * 0.2 * 0.4 * 0.9 * 0.7) / 5)


def test_a_certain_and_wrong_prediction_has_a_finite_loss():
    measured = metrics.measure(ABNORMAL, [True, False], np.array([0.0, 1.0]))
    assert measured["nll"] == pytest.approx(-np.log(1e-12), rel=1e-3)


@pytest.mark.parametrize("name", metrics.METRICS)
def test_an_undefined_metric_scores_worst(name):
    assert min(metrics.selection_score(name, value) for value in (-1e9, 1e9)) > metrics.selection_score(name, None)


def test_mean_and_std_are_over_the_folds_that_define_a_metric():
    by_fold = [
        {"accuracy": 0.5, "auc": None, "count": 10, "precision_abnormal": None},
        {"accuracy": 0.7, "auc": 0.8, "count": 30, "precision_abnormal": None},
    ]
    mean = metrics.mean(iter(by_fold))
    assert mean == pytest.approx({"accuracy": 0.6, "auc": 0.8, "count": 40, "precision_abnormal": None})
    assert type(mean["count"]) is int
    std = metrics.std(iter(by_fold))
    assert std == pytest.approx({"accuracy": 0.1, "auc": 0.0, "precision_abnormal": None})


def test_the_class_with_the_largest_score_is_predicted():
    scores = np.array([[0.1, 3, 2], [5, 1, 1], [0, 1, 4], [0, 2, 1]])
    measured = metrics.measure(LABEL, np.array([1, 0, 2, 2]), scores)
    assert measured["accuracy"] == 0.75
    assert measured["balanced_accuracy"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert measured["macro_f1"] == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)


def test_baselines_are_learned_from_the_training_set_only():
    train, test = np.array([True, True, False]), np.array([False, False, True])
    assert metrics.baseline("abnormal", train, test) == {"majority_class_accuracy": pytest.approx(1 / 3)}
    assert metrics.baseline("label", np.array([2, 1, 2]), np.array([2, 0])) == {"majority_class_accuracy": 0.5}
    measured = metrics.baseline("growth-ratio", np.array([1.0, 3.0]), np.array([2.0, 6.0]))
    assert measured == {"mean_prediction_mae": 2.0}
