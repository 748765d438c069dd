"""Metrics of predictions for each kind of target: abnormal growth, growth ratio, class of an image."""

from collections.abc import Callable, Iterable

import numpy as np

from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL

NAMES = {
    ABNORMAL: ("nll", "accuracy", "balanced_accuracy", "auc", "brier"),
    GROWTH_RATIO: ("mse", "r2", "mae", "rmse"),
    LABEL: ("accuracy", "balanced_accuracy", "macro_f1"),
}
"""The metrics that can select a trial, for each kind of target; the first is the loss."""
SMALLER_IS_BETTER = {"nll", "brier", "mse", "rmse", "mae"}
COUNTS = ("count", "count_abnormal", "true_abnormal", "false_abnormal", "false_normal", "true_normal")


def default(kind: str, calibrated: bool) -> str:
    """The default metric for selecting a trial: the loss, or accuracy for uncalibrated probabilities."""
    return NAMES[kind][0] if calibrated or kind != ABNORMAL else "accuracy"


def measure(kind: str, true: np.ndarray, predicted: np.ndarray) -> dict[str, float | int | None]:
    """The metrics of n predictions: classification, regression or multiclass, by kind of target."""
    return {ABNORMAL: classification, GROWTH_RATIO: regression, LABEL: multiclass}[kind](true, predicted)


def baseline(kind: str, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Trivial baseline on the test set: the training set's majority class, or its mean growth ratio."""
    if kind == GROWTH_RATIO:
        return {"mean_prediction_mae": float(np.mean(np.abs(test - train.mean())))}
    classes, counts = np.unique(train, return_counts=True)
    return {"majority_class_accuracy": float(np.mean(test == classes[counts.argmax()]))}


def classification(abnormal: np.ndarray, probability: np.ndarray) -> dict[str, float | int | None]:
    """Metrics of n binary predictions; a probability above one half predicts abnormal growth.

    abnormal     bool [n]
    probability  float [n], of abnormal growth
    Undefined metrics are None: AUC and balanced accuracy of a single class, precision without positive predictions.
    """
    from sklearn import metrics  # imported here, as checking a configuration needs only NAMES

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


def regression(ratio: np.ndarray, predicted: np.ndarray) -> dict[str, float | int | None]:
    """Metrics of n predicted growth ratios, in their own units; R² is None if all true ratios are equal.

    ratio, predicted  float [n]
    """
    error = np.asarray(predicted) - ratio
    mse, variance = float(np.mean(error**2)), float(np.var(ratio))
    return {
        "r2": 1 - mse / variance if variance > 0 else None,
        "mae": float(np.mean(np.abs(error))),
        "rmse": mse**0.5,
        "mse": mse,
        "count": int(error.size),
    }


def multiclass(label: np.ndarray, scores: np.ndarray) -> dict[str, float | int | None]:
    """Metrics of n predicted classes; the class with the largest score is predicted.

    label   int [n]
    scores  float [n, classes]
    """
    from sklearn import metrics

    predicted = np.asarray(scores).argmax(axis=1)
    classes = np.unique(label)
    recall = [float(np.mean(predicted[label == index] == index)) for index in classes]
    return {
        "accuracy": float(np.mean(label == predicted)),
        "balanced_accuracy": float(np.mean(recall)),
        "macro_f1": float(metrics.f1_score(label, predicted, labels=classes, average="macro", zero_division=0)),
        "count": int(label.size),
    }


def selection_score(name: str, value: float | None) -> float:
    """A metric's value, negated if smaller is better, so that the largest score is best; undefined is worst."""
    if value is None:
        return -np.inf
    return -value if name in SMALLER_IS_BETTER else value


def mean(results: Iterable[dict]) -> dict[str, float | None]:
    """The mean of each metric over the results that define it; counts are summed."""
    return _combine(results, np.mean)


def std(results: Iterable[dict]) -> dict[str, float | None]:
    """The standard deviation of each metric, without counts, over the results that define it; None for one result."""
    results = list(results)
    combined = _combine(results, np.std) if len(results) > 1 else dict.fromkeys(results[0])
    return {name: value for name, value in combined.items() if name not in COUNTS}


def _combine(results: Iterable[dict], statistic: Callable) -> dict[str, float | None]:
    results = list(results)
    combined: dict[str, float | None] = {}
    for name in results[0]:
        values = [result[name] for result in results if result[name] is not None]
        if name in COUNTS:
            combined[name] = int(np.sum(values))
        else:
            combined[name] = float(statistic(values)) if values else None
    return combined
