"""Metrics of predictions for each kind of target: abnormal growth, growth ratio, class of an image.

A metric is one entry of METRICS. Its function takes true and predicted values, by kind of target:

    ABNORMAL      bool [n]   and float [n], the probability of abnormal growth; above one half predicts it
    GROWTH_RATIO  float [n]  and float [n]
    LABEL         int [n]    and float [n, classes], scores; the largest predicts the class
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL


def predicted_class(predicted: np.ndarray) -> np.ndarray:
    """The predicted classes [n]: of probabilities [n] whether above one half, of scores [n, classes] the largest."""
    return predicted.argmax(axis=1) if predicted.ndim == 2 else predicted > 0.5


def _accuracy(true: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean(true == predicted_class(predicted)))


def _balanced_accuracy(true: np.ndarray, predicted: np.ndarray) -> float | None:
    classes, decided = np.unique(true), predicted_class(predicted)
    recall = [np.mean(decided[true == index] == index) for index in classes]
    return float(np.mean(recall)) if classes.size > 1 else None


def _auc(abnormal: np.ndarray, probability: np.ndarray) -> float | None:
    from sklearn import metrics  # imported here, as checking a configuration needs only names

    return float(metrics.roc_auc_score(abnormal, probability)) if 0 < abnormal.sum() < abnormal.size else None


def _precision_abnormal(abnormal: np.ndarray, probability: np.ndarray) -> float | None:
    predicted = predicted_class(probability)
    return int((abnormal & predicted).sum()) / int(predicted.sum()) if predicted.any() else None


def _recall_abnormal(abnormal: np.ndarray, probability: np.ndarray) -> float | None:
    return int((abnormal & predicted_class(probability)).sum()) / int(abnormal.sum()) if abnormal.any() else None


def _brier(abnormal: np.ndarray, probability: np.ndarray) -> float:
    return float(np.mean((probability - abnormal) ** 2))


def _nll(abnormal: np.ndarray, probability: np.ndarray) -> float:
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(abnormal, np.log(clipped), np.log1p(-clipped))))


def _r2(ratio: np.ndarray, predicted: np.ndarray) -> float | None:
    # the variance of equal values may differ from 0 by rounding
    return 1 - _mse(ratio, predicted) / float(np.var(ratio)) if np.ptp(ratio) > 0 else None


def _mae(ratio: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean(np.abs(predicted - ratio)))


def _rmse(ratio: np.ndarray, predicted: np.ndarray) -> float:
    return _mse(ratio, predicted) ** 0.5


def _mse(ratio: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean((predicted - ratio) ** 2))


def _macro_f1(label: np.ndarray, scores: np.ndarray) -> float:
    from sklearn import metrics

    classes = np.unique(label)
    return float(metrics.f1_score(label, predicted_class(scores), labels=classes, average="macro", zero_division=0))


@dataclass(frozen=True)
class Metric:
    """A metric of n predictions.

    function          of true and predicted values; returns None where the metric is undefined
    kinds             of target that have the metric
    label             what figures and messages call it
    larger_is_better  False for losses and errors
    selects           whether it can choose a trial
    main              whether it is printed with results, and logged for each fold
    undefined         what holds for the values where it is undefined; empty if it is always defined
    """

    function: Callable[[np.ndarray, np.ndarray], float | None]
    kinds: tuple[str, ...]
    label: str
    larger_is_better: bool = True
    selects: bool = True
    main: bool = False
    undefined: str = ""


ONE_CLASS = "all values are of one class"
METRICS = {
    "accuracy": Metric(_accuracy, (ABNORMAL, LABEL), "accuracy", main=True),
    "balanced_accuracy": Metric(_balanced_accuracy, (ABNORMAL, LABEL), "balanced accuracy", undefined=ONE_CLASS),
    "auc": Metric(_auc, (ABNORMAL,), "AUC", main=True, undefined=ONE_CLASS),
    "precision_abnormal": Metric(
        _precision_abnormal, (ABNORMAL,), "precision", selects=False, undefined="no value is predicted to be abnormal"
    ),
    "recall_abnormal": Metric(_recall_abnormal, (ABNORMAL,), "recall", selects=False, undefined="no value is abnormal"),
    "brier": Metric(_brier, (ABNORMAL,), "Brier score", larger_is_better=False),
    "nll": Metric(_nll, (ABNORMAL,), "loss", larger_is_better=False),
    "r2": Metric(_r2, (GROWTH_RATIO,), "R²", main=True, undefined="all values are equal"),
    "mae": Metric(_mae, (GROWTH_RATIO,), "mean absolute error", larger_is_better=False, main=True),
    "rmse": Metric(_rmse, (GROWTH_RATIO,), "root mean squared error", larger_is_better=False),
    "mse": Metric(_mse, (GROWTH_RATIO,), "mean squared error", larger_is_better=False),
    "macro_f1": Metric(_macro_f1, (LABEL,), "macro F1"),
}
"""All metrics, in the order of tables; the first of a kind of target is its headline."""
DEFAULT = {ABNORMAL: "nll", GROWTH_RATIO: "mse", LABEL: "accuracy"}
"""The metric that chooses trials of each kind of target, unless the experiment names another."""
BASELINES = {
    "majority_class_accuracy": "majority class",
    "mean_prediction_mae": "mean absolute error of predicting the mean",
}
"""The trivial baselines and their labels."""
COUNTS = ("count", "count_abnormal", "true_abnormal", "false_abnormal", "false_normal", "true_normal")


def names(kind: str) -> tuple[str, ...]:
    """The metrics of a kind of target."""
    return tuple(name for name, metric in METRICS.items() if kind in metric.kinds)


def selecting(kind: str) -> tuple[str, ...]:
    """The metrics that can choose a trial, the default first."""
    others = (name for name in names(kind) if METRICS[name].selects and name != DEFAULT[kind])
    return (DEFAULT[kind], *others)


def headline(kind: str) -> str:
    """The metric that results are ranked by and figures show."""
    return names(kind)[0]


def main_metrics(kind: str) -> tuple[str, ...]:
    """The metrics that are printed with results, and logged for each fold."""
    return tuple(name for name in names(kind) if METRICS[name].main)


def in_words(kind: str, measured: Mapping[str, float | None]) -> str:
    """The main metrics as text, such as "accuracy 0.912, AUC undefined"."""
    values = {METRICS[name].label: measured[name] for name in main_metrics(kind)}
    return ", ".join(f"{label} {'undefined' if v is None else f'{v:.3f}'}" for label, v in values.items())


def measure(kind: str, true: np.ndarray, predicted: np.ndarray) -> dict[str, float | int | None]:
    """The metrics and counts of n predictions; undefined metrics are None."""
    true, predicted = np.asarray(true, bool if kind == ABNORMAL else None), np.asarray(predicted)
    return {**{name: METRICS[name].function(true, predicted) for name in names(kind)}, **_counts(kind, true, predicted)}


def _counts(kind: str, true: np.ndarray, predicted: np.ndarray) -> dict[str, int]:
    if kind != ABNORMAL:
        return {"count": int(true.size)}
    decided = predicted_class(predicted)
    counted = (true, true & decided, ~true & decided, true & ~decided, ~true & ~decided)
    return dict(zip(COUNTS, (int(true.size), *(int(values.sum()) for values in counted)), strict=True))


def baseline(kind: str, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Trivial baseline on the test set: the training set's majority class, or its mean growth ratio."""
    if kind == GROWTH_RATIO:
        return {"mean_prediction_mae": float(np.mean(np.abs(test - train.mean())))}
    classes, counts = np.unique(train, return_counts=True)
    return {"majority_class_accuracy": float(np.mean(test == classes[counts.argmax()]))}


def selection_score(name: str, value: float | None) -> float:
    """A metric's value, negated if smaller is better, so that the largest score is best; undefined is worst."""
    if value is None:
        return -np.inf
    return value if METRICS[name].larger_is_better else -value


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
