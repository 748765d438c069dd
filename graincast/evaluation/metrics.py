"""Metrics of predictions for each kind of target: abnormal growth, growth ratio, class of an image.

A metric is one entry of METRICS. It takes true and predicted values, by kind of target, and weights, by which a
bootstrap counts a value several times or not at all:

    ABNORMAL      bool [n]   and float [n], the probability of abnormal growth; above one half predicts it
    GROWTH_RATIO  float [n]  and float [n]
    LABEL         int [n]    and float [n, classes], scores; the largest predicts the class
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL


def predicted_class(predicted: np.ndarray) -> np.ndarray:
    """The predicted classes [n]: of probabilities [n] whether above one half, of scores [n, classes] the largest."""
    return predicted.argmax(axis=1) if predicted.ndim == 2 else predicted > 0.5


def _accuracy(true: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return _mean(weight, true == predicted_class(predicted))


def _balanced_accuracy(true: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    decided, classes = predicted_class(predicted), np.unique(true)
    total, right = _by_class(weight, true, classes), _by_class(weight, np.where(true == decided, true, -1), classes)
    several = (total > 0).sum(axis=1) > 1
    return np.where(several, _mean_over(_ratio(right, total), total > 0), np.nan)


def _auc(abnormal: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The probability that an abnormal value is ranked above a normal one; ties count half."""
    order = np.argsort(probability, kind="stable")
    starts = np.flatnonzero(np.diff(probability[order], prepend=-np.inf))
    below, above = (np.add.reduceat(weight[:, order] * of[order], starts, axis=1) for of in (~abnormal, abnormal))
    ranked = np.cumsum(below, axis=1) - below / 2
    return _ratio(np.einsum("rn,rn->r", ranked, above), below.sum(axis=1) * above.sum(axis=1))


def _precision_abnormal(abnormal: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    predicted = predicted_class(probability)
    return _ratio(_sum(weight, abnormal & predicted), _sum(weight, predicted))


def _recall_abnormal(abnormal: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return _ratio(_sum(weight, abnormal & predicted_class(probability)), _sum(weight, abnormal))


def _brier(abnormal: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return _mean(weight, (probability - abnormal) ** 2)


def _nll(abnormal: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, 1e-12, 1 - 1e-12)
    return _mean(weight, -np.where(abnormal, np.log(clipped), np.log1p(-clipped)))


def _ece(abnormal: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The expected calibration error over ten equal bins of probability (Guo et al., ICML 2017)."""
    bins = np.minimum((10 * np.nan_to_num(probability)).astype(int), 9)
    gaps = [np.abs(_sum(weight, np.where(bins == index, probability - abnormal, 0))) for index in np.unique(bins)]
    return np.sum(gaps, axis=0) / weight.sum(axis=1)


def _r2(ratio: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    mean = _mean(weight, ratio)
    spread = np.einsum("rn,rn->r", weight, (ratio - mean[:, None]) ** 2) / weight.sum(axis=1)
    # the variance of equal values may differ from 0 by rounding
    drawn = np.where(weight > 0, ratio, np.nan)
    differ = np.nanmax(drawn, axis=1) > np.nanmin(drawn, axis=1)
    return np.where(differ, 1 - _ratio(_mse(ratio, predicted, weight), spread), np.nan)


def _mae(ratio: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return _mean(weight, np.abs(predicted - ratio))


def _rmse(ratio: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.sqrt(_mse(ratio, predicted, weight))


def _mse(ratio: np.ndarray, predicted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return _mean(weight, (predicted - ratio) ** 2)


def _macro_f1(label: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The mean of F1 over the classes that occur."""
    decided, classes = predicted_class(scores), np.unique(label)
    right = _by_class(weight, np.where(label == decided, label, -1), classes)
    true, predicted = _by_class(weight, label, classes), _by_class(weight, decided, classes)
    return _mean_over(_ratio(2 * right, true + predicted), true > 0)


def _sum(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.einsum("rn,n->r", weight, values.astype(float))  # the same on every machine, unlike a product by BLAS


def _mean(weight: np.ndarray, values: np.ndarray) -> np.ndarray:
    return _sum(weight, values) / weight.sum(axis=1)


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b, NaN where b is 0."""
    return np.divide(a, b, out=np.full(np.shape(b), np.nan), where=b != 0)


def _by_class(weight: np.ndarray, of: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The weight of the values of each class, float64 [r, classes]."""
    return np.stack([_sum(weight, of == index) for index in classes], axis=1)


def _mean_over(values: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """The mean of each row over the columns that are inside, bool [r, columns]."""
    return np.where(inside, values, 0).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)


@dataclass(frozen=True)
class Metric:
    """A metric of n predictions.

    weighted          of true and predicted values, and weights float64 [r, n]: the metric under each row of weights,
                      float64 [r], NaN where it is undefined
    kinds             of target that have the metric
    label             what figures and messages call it
    larger_is_better  False for losses and errors
    selects           whether it can choose a trial
    main              whether it is printed with results, and logged for each fold
    undefined         what holds for the values where it is undefined; empty if it is always defined
    limits            the smallest and the largest value that it can have
    """

    weighted: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    kinds: tuple[str, ...]
    label: str
    larger_is_better: bool = True
    selects: bool = True
    main: bool = False
    undefined: str = ""
    limits: tuple[float, float] = (0, 1)

    def function(self, true: np.ndarray, predicted: np.ndarray) -> float | None:
        """The metric of true and predicted values; None where it is undefined."""
        value = float(self.weighted(true, predicted, np.ones((1, len(true))))[0])
        return None if self.undefined and math.isnan(value) else value


UNBOUNDED = (0, math.inf)
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
    "nll": Metric(_nll, (ABNORMAL,), "loss", larger_is_better=False, limits=UNBOUNDED),
    "ece": Metric(_ece, (ABNORMAL,), "calibration error", larger_is_better=False, selects=False),
    "r2": Metric(_r2, (GROWTH_RATIO,), "R²", main=True, undefined="all values are equal", limits=(-math.inf, 1)),
    "mae": Metric(_mae, (GROWTH_RATIO,), "mean absolute error", larger_is_better=False, limits=UNBOUNDED, main=True),
    "rmse": Metric(_rmse, (GROWTH_RATIO,), "root mean squared error", larger_is_better=False, limits=UNBOUNDED),
    "mse": Metric(_mse, (GROWTH_RATIO,), "mean squared error", larger_is_better=False, limits=UNBOUNDED),
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


def in_words(
    kind: str,
    measured: Mapping[str, float | None],
    intervals: Mapping[str, Sequence[float] | None] | None = None,
) -> str:
    """The main metrics as text, such as "accuracy 0.912 (0.870 to 0.941), AUC undefined"."""
    texts = []
    for name in main_metrics(kind):
        value, interval = measured[name], (intervals or {}).get(name)
        between = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
        texts.append(f"{METRICS[name].label} {'undefined' if value is None else f'{value:.3f}{between}'}")
    return ", ".join(texts)


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
