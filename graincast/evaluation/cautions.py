"""What to bear in mind about a test result, shown wherever its numbers are."""

from collections.abc import Mapping, Sequence

import numpy as np

from graincast.evaluation.metrics import headline
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO

FEW = 30
"""Below this number of test predictions, the standard error of an accuracy is about .09 or more."""
SMALL_FOLD = 10


def cautions(kind: str, true: Sequence[np.ndarray], test: Mapping[str, float | None]) -> list[str]:
    """Short texts, none where a result speaks for itself.

    true  the test targets of each fold
    test  the test metrics and baselines, means over the folds
    """
    values = np.concatenate(list(true))
    found = []
    if values.size < FEW:
        found.append(f"only {values.size} test predictions")
    elif len(true) > 1 and min(map(len, true)) < SMALL_FOLD:
        found.append(f"folds with only {min(map(len, true))} test predictions")
    if kind != GROWTH_RATIO and np.unique(values).size == 1:
        one = ("abnormal" if values[0] else "normal") if kind == ABNORMAL else "of one class"
        found.append(f"all test values are {one}")
    elif not _beats_baseline(kind, test):
        found.append(f"no better than {'the mean' if kind == GROWTH_RATIO else 'the majority class'}")
    auc = test.get("auc")
    if auc is not None and auc < 0.5:
        found.append("ranks worse than chance (AUC below .5)")
    return found


def _beats_baseline(kind: str, test: Mapping[str, float | None]) -> bool:
    """Whether a result is better than the trivial baseline."""
    if kind == GROWTH_RATIO:
        return _less(test["mae"], test["mean_prediction_mae"])
    return _less(test["majority_class_accuracy"], test[headline(kind)])


def _less(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and a < b
