"""Results that say little say so."""

import numpy as np
import pytest

from graincast.evaluation.cautions import cautions
from graincast.evaluation.metrics import baseline, mean, measure
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL


def of(kind: str, folds: list[tuple]) -> list[str]:
    """The cautions about folds of (true, predicted) values, with half of the training set abnormal."""
    train = {ABNORMAL: np.array([True, False, True]), GROWTH_RATIO: np.arange(9.0), LABEL: np.array([0, 1, 1])}[kind]
    true, predicted = zip(*((np.array(t), np.array(p)) for t, p in folds), strict=True)
    measured = [measure(kind, t, p) for t, p in zip(true, predicted, strict=True)]
    return cautions(kind, true, {**mean(measured), **mean(baseline(kind, train, t) for t in true)})


def test_a_result_that_speaks_for_itself_has_none():
    true = np.arange(60) % 2 == 0
    assert of(ABNORMAL, [(true, 0.1 + 0.8 * true)]) == []
    assert of(GROWTH_RATIO, [(np.arange(40.0), np.arange(40.0))]) == []


@pytest.mark.parametrize(
    ("kind", "folds", "expected"),
    [
        (ABNORMAL, [([True] * 4, [0.9] * 4)], ["only 4 test predictions", "all test values are abnormal"]),
        (ABNORMAL, [([False] * 40, [0.1] * 40)], ["all test values are normal"]),
        (LABEL, [([1] * 40, [[0.0, 1.0]] * 40)], ["all test values are of one class"]),
        (ABNORMAL, [([True] * 30 + [False] * 10, [0.1] * 40)], ["no better than the majority class"]),
        (ABNORMAL, [([True] * 30 + [False] * 10, [0.6] * 30 + [0.9] * 10)], ["no better than", "worse than chance"]),
        (GROWTH_RATIO, [(np.arange(40.0), np.full(40, 90.0))], ["no better than the mean"]),
        (ABNORMAL, [([True, False] * 20, [0.9, 0.1] * 20), ([True, False], [0.9, 0.1])], ["folds with only 2 test"]),
    ],
)
def test_what_says_little_is_named(kind, folds, expected):
    found = of(kind, folds)
    assert len(found) == len(expected)
    assert all(text in one for text, one in zip(expected, found, strict=True))
