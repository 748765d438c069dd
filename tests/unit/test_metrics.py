"""Metrics against scikit-learn, cases worked by hand, and undefined metrics."""

import json

import numpy as np
import pytest
from sklearn import metrics as reference

from graincast.evaluation import metrics

RNG = np.random.default_rng(0)
CASES = [(RNG.random(n) < fraction, np.round(RNG.random(n), 2)) for n, fraction in ((40, 0.5), (333, 0.1), (57, 0.9))]


@pytest.mark.parametrize(("abnormal", "probability"), CASES)
def test_classification_metrics_equal_those_of_scikit_learn(abnormal, probability):
    measured = metrics.classification(abnormal, probability)
    predicted = probability > 0.5
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    expected = {
        "accuracy": reference.accuracy_score(abnormal, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(abnormal, predicted),
        "auc": reference.roc_auc_score(abnormal, probability),
        "precision_abnormal": reference.precision_score(abnormal, predicted),
        "recall_abnormal": reference.recall_score(abnormal, predicted),
        "brier": reference.brier_score_loss(abnormal, probability),
        "nll": reference.log_loss(abnormal, clipped),
    }
    (tn, fp), (fn, tp) = reference.confusion_matrix(abnormal, predicted)
    counts = dict(zip(metrics.COUNTS, (abnormal.size, abnormal.sum(), tp, fp, fn, tn), strict=True))
    assert measured == pytest.approx({**expected, **counts}, rel=1e-12)
    assert all(type(value) in (int, float) for value in measured.values())  # JSON takes no NumPy scalars


def test_a_probability_of_one_half_predicts_normal():
    measured = metrics.classification([True, False], np.array([0.5, 0.5]))
    assert (measured["true_abnormal"], measured["false_normal"], measured["true_normal"]) == (0, 1, 1)


def test_metrics_of_a_case_worked_by_hand():
    measured = metrics.classification([True, True, False, False, False], np.array([0.9, 0.2, 0.6, 0.1, 0.3]))
    assert measured["accuracy"] == 0.6
    assert measured["auc"] == pytest.approx(4 / 6)
    assert measured["precision_abnormal"] == measured["recall_abnormal"] == 0.5
    assert measured["brier"] == pytest.approx((0.01 + 0.64 + 0.36 + 0.01 + 0.09) / 5)
    assert measured["nll"] == pytest.approx(-np.log(0.9 * 0.2 * 0.4 * 0.9 * 0.7) / 5)


def test_a_certain_and_wrong_prediction_has_a_finite_loss():
    measured = metrics.classification([True, False], np.array([0.0, 1.0]))
    assert measured["nll"] == pytest.approx(-np.log(1e-12), rel=1e-3)


@pytest.mark.parametrize("kind", [True, False])
@pytest.mark.filterwarnings("error")
def test_metrics_that_one_class_leaves_undefined_are_none(kind):
    measured = metrics.classification(np.full(3, kind), np.array([0.2, 0.3, 0.4]))
    undefined = {name for name, value in measured.items() if value is None}
    never_abnormal = set() if kind else {"recall_abnormal"}
    assert undefined == {"auc", "balanced_accuracy", "precision_abnormal"} | never_abnormal
    assert measured["accuracy"] == (0 if kind else 1)
    assert "NaN" not in json.dumps(measured)


def test_the_selection_score_negates_losses_and_puts_undefined_last():
    assert metrics.selection_score("nll", 0.3) > metrics.selection_score("nll", 0.4)
    assert metrics.selection_score("brier", 0.3) > metrics.selection_score("brier", 0.4)
    for name in ("accuracy", "balanced_accuracy", "auc"):
        assert (
            metrics.selection_score(name, 0.4)
            > metrics.selection_score(name, 0.3)
            > metrics.selection_score(name, None)
        )
    assert metrics.selection_score("nll", 1e9) > metrics.selection_score("nll", None)


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


def test_regression_metrics_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    true, predicted = rng.uniform(0, 20, (2, 50))
    measured = metrics.regression(true, predicted)
    assert measured["r2"] == pytest.approx(reference.r2_score(true, predicted))
    assert measured["mae"] == pytest.approx(reference.mean_absolute_error(true, predicted))
    assert measured["rmse"] ** 2 == pytest.approx(reference.mean_squared_error(true, predicted))
    assert metrics.regression(np.ones(3), np.zeros(3))["r2"] is None


def test_the_class_with_the_largest_score_is_predicted():
    scores = np.array([[0.1, 3, 2], [5, 1, 1], [0, 1, 4], [0, 2, 1]])
    measured = metrics.multiclass(np.array([1, 0, 2, 2]), scores)
    assert measured["accuracy"] == 0.75
    assert measured["balanced_accuracy"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert measured["macro_f1"] == pytest.approx((2 / 3 + 1 + 2 / 3) / 3)


def test_baselines_are_learned_from_the_training_set_only():
    train, test = np.array([True, True, False]), np.array([False, False, True])
    assert metrics.baseline("abnormal", train, test) == {"majority_class_accuracy": pytest.approx(1 / 3)}
    assert metrics.baseline("label", np.array([2, 1, 2]), np.array([2, 0])) == {"majority_class_accuracy": 0.5}
    measured = metrics.baseline("growth-ratio", np.array([1.0, 3.0]), np.array([2.0, 6.0]))
    assert measured == {"mean_prediction_mae": 2.0}
