"""Classification metrics of predicted probabilities of abnormal growth."""

from collections.abc import Callable, Iterable

import numpy as np
from sklearn import metrics

SMALLER_IS_BETTER = {"nll", "brier"}
COUNTS = ("count", "count_abnormal", "true_abnormal", "false_abnormal", "false_normal", "true_normal")


def classification(abnormal: np.ndarray, probability: np.ndarray) -> dict[str, float | int | None]:
    """Metrics of n predictions; abnormal growth is predicted where its probability is above one half.

    abnormal     bool [n]
    probability  float [n], of abnormal growth
    What is undefined (AUC and balanced accuracy of one class, precision with nothing predicted) is None.
    """
    abnormal = np.asarray(abnormal, bool)
    predicted = np.asarray(probability) > 0.5
    both = 0 < abnormal.sum() < abnormal.size
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    true_positive = int((abnormal & predicted).sum())
    return {
        "accuracy": float(np.mean(abnormal == predicted)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(abnormal, predicted)) if both else None,
        "auc": float(metrics.roc_auc_score(abnormal, probability)) if both else None,
        "precision_abnormal": true_positive / int(predicted.sum()) if predicted.any() else None,
        "recall_abnormal": true_positive / int(abnormal.sum()) if abnormal.any() else None,
        "brier": float(np.mean((probability - abnormal) ** 2)),
        "nll": float(-np.mean(np.where(abnormal, np.log(clipped), np.log1p(-clipped)))),
        "count": int(abnormal.size),
        "count_abnormal": int(abnormal.sum()),
        "true_abnormal": true_positive,
        "false_abnormal": int((~abnormal & predicted).sum()),
        "false_normal": int((abnormal & ~predicted).sum()),
        "true_normal": int((~abnormal & ~predicted).sum()),
    }


def better(name: str, value: float | None) -> float:
    """A metric's value turned so that the largest is the best; an undefined one is the worst."""
    if value is None:
        return -np.inf
    return -value if name in SMALLER_IS_BETTER else value


def mean(several: Iterable[dict]) -> dict[str, float | None]:
    """The mean of each metric over those that define it; counts are summed."""
    return _combine(several, np.mean)


def spread(several: Iterable[dict]) -> dict[str, float | None]:
    """The standard deviation of each metric over those that define it (counts aside); None for a single one."""
    several = list(several)
    combined = _combine(several, np.std) if len(several) > 1 else dict.fromkeys(several[0])
    return {name: value for name, value in combined.items() if name not in COUNTS}


def _combine(several: Iterable[dict], how: Callable) -> dict[str, float | None]:
    several = list(several)
    combined: dict[str, float | None] = {}
    for name in several[0]:
        values = [one[name] for one in several if one[name] is not None]
        if name in COUNTS:
            combined[name] = int(np.sum(values))
        else:
            combined[name] = float(how(values)) if values else None
    return combined
