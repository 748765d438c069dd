"""Calibration: a planted distortion is undone, ranking stays, few values give no certainty."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from graincast.evaluation import calibration, metrics
from graincast.experiment.targets import ABNORMAL


def sample(seed: int, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """True values, and probabilities that are right."""
    rng = np.random.default_rng(seed)
    probability = 1 / (1 + np.exp(-1.5 * rng.normal(size=count)))
    return rng.random(count) < probability, probability


def distorted(probability: np.ndarray) -> np.ndarray:
    """Too sure, and too often abnormal."""
    return calibration.scaled((2.5, 1.0), probability)


def test_a_planted_distortion_is_found_and_undone():
    true, probability = sample(0)
    scaling = calibration.fit(true, distorted(probability))
    assert scaling == pytest.approx((1 / 2.5, -1 / 2.5), abs=0.06)
    true, probability = sample(1)
    probability = distorted(probability)
    before, after = (
        metrics.measure(ABNORMAL, true, p) for p in (probability, calibration.scaled(scaling, probability))
    )
    for name in ("nll", "brier", "ece"):
        assert after[name] < before[name]
    assert after["ece"] < 0.03 < 0.1 < before["ece"]
    assert after["auc"] == pytest.approx(before["auc"])


def test_the_scaling_is_that_of_logistic_regression_for_many_values():
    true, probability = sample(2)
    x = np.log(probability / (1 - probability))[:, None]
    reference = LogisticRegression(C=1e9, tol=1e-10).fit(x, true)
    assert calibration.fit(true, probability) == pytest.approx(
        (reference.coef_[0, 0], reference.intercept_[0]), abs=2e-3
    )


def test_few_values_that_are_all_right_give_no_certainty():
    true = np.array([True, True, False, False])
    p = calibration.scaled(calibration.fit(true, np.array([1.0, 1.0, 0.0, 0.0])), np.array([1.0, 0.0]))
    np.testing.assert_allclose(p, [0.75, 0.25], atol=1e-6)


def test_what_ranks_the_wrong_way_is_not_turned_round_and_one_class_has_no_scaling():
    true, probability = sample(3)
    assert calibration.fit(true, 1 - probability)[0] == 0
    assert calibration.fit(np.ones(5, bool), np.full(5, 0.9)) is None
