"""95 % intervals of test metrics, and of differences between experiments.

What varies is the groups, so a group's predictions are drawn together. Where each group is tested once, an interval is
the bootstrap's over groups: percentiles of the metric over resampled test groups, widened for few groups as Hesterberg
(The American Statistician 69, 371, 2015) does. It holds for the models as they were trained. Where groups are tested
repeatedly, by models of overlapping training sets, it is Student's with the corrected resampled variance of Nadeau &
Bengio (Machine Learning 52, 239, 2003). It holds for training on other data of this size, too.

The draws depend on the groups' names alone, so two experiments on the same groups meet the same draws, and their
difference is paired.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from graincast.evaluation.metrics import METRICS, names

LEVEL = 0.95
REPLICATES = 2000
CELLS = 4_000_000
"""Weights held in memory at a time."""
Interval = tuple[float, float] | None
"""The lower and upper limit; None where the data do not determine it."""


@dataclass(frozen=True)
class FoldPredictions:
    """The test subset of one fold.

    true, predicted  as metrics take them, [n] and [n] or [n, classes]
    group            the group of each value, str [n]
    learned          the number of groups that the model was trained and chosen on
    """

    true: np.ndarray
    predicted: np.ndarray
    group: np.ndarray
    learned: int


def of_metrics(kind: str, folds: Sequence[FoldPredictions]) -> dict[str, Interval]:
    """The interval of each metric's mean over the folds.

    None for a single group, for a metric that is undefined, and for one that is the same in all draws: that all of a
    few predictions are right does not say that all will be.
    """
    if repeated(folds):
        by_fold = [_unweighted(kind, fold) for fold in folds]
        ratio = sizes_ratio(folds)
        found = {name: corrected([values[name] for values in by_fold], ratio) for name in names(kind)}
    else:
        found = {name: expanded_percentiles(draws, count(folds)) for name, draws in replicates(kind, folds).items()}
    return {name: _clipped(interval, METRICS[name].limits) for name, interval in found.items()}


def of_difference(
    kind: str, metric: str, a: Sequence[FoldPredictions], b: Sequence[FoldPredictions]
) -> tuple[float, Interval]:
    """A metric of `a` less that of `b`, mean over the folds, and its interval, paired on the same groups.

    The folds test the same values in the same order. NaN where a metric is undefined.
    """
    values_a, values_b = ([_unweighted(kind, fold)[metric] for fold in folds] for folds in (a, b))
    difference = np.array(values_a) - np.array(values_b)
    if not np.isfinite(difference).any():
        return np.nan, None
    mean = float(np.nanmean(difference))
    if repeated(a):
        return mean, corrected(difference, sizes_ratio(a), constant=True)
    draws_a, draws_b = (replicates(kind, folds, [metric])[metric] for folds in (a, b))
    return mean, expanded_percentiles(draws_a - draws_b, count(a), constant=True)


def method(folds: Sequence[FoldPredictions]) -> str:
    """How intervals of these folds are found, in words."""
    groups = count(folds)
    if groups < 2:
        return "no interval: all test data stem from one source"
    if repeated(folds):
        return f"corrected resampled t over {len(folds)} folds of {groups} groups (Nadeau & Bengio 2003)"
    return f"bootstrap over {groups} groups"


def count(folds: Sequence[FoldPredictions]) -> int:
    """The number of groups tested."""
    return len(_groups(folds))


def repeated(folds: Sequence[FoldPredictions]) -> bool:
    """Whether a group is tested in more than one fold."""
    return sum(len(np.unique(fold.group)) for fold in folds) > count(folds)


def sizes_ratio(folds: Sequence[FoldPredictions]) -> float:
    """The ratio of test groups to groups learned from, mean over the folds."""
    return float(np.mean([len(np.unique(fold.group)) / fold.learned for fold in folds]))


def corrected(values: Sequence[float | None] | np.ndarray, ratio: float, constant: bool = False) -> Interval:
    """The interval of the mean over J folds: Student's t with J - 1 degrees of freedom, variance (1/J + ratio) S².

    values    by fold; None or NaN where undefined
    ratio     of test groups to groups learned from
    constant  whether equal values have an interval, of no width
    """
    defined = np.array(values, float)
    defined = defined[np.isfinite(defined)]
    if defined.size < 2 or (np.ptp(defined) == 0 and not constant):
        return None
    half = stdtrit(defined.size - 1, (1 + LEVEL) / 2) * np.sqrt((1 / defined.size + ratio) * defined.var(ddof=1))
    return float(defined.mean() - half), float(defined.mean() + half)


def replicates(
    kind: str, folds: Sequence[FoldPredictions], metrics: Sequence[str] | None = None
) -> dict[str, np.ndarray]:
    """Each metric's mean over the folds for each draw of the groups, float64 [REPLICATES]; NaN where undefined."""
    groups = _groups(folds)
    codes = [np.searchsorted(groups, fold.group) for fold in folds]
    chosen = metrics or names(kind)
    draws: dict[str, list[np.ndarray]] = {name: [] for name in chosen}
    largest = max(len(fold.true) for fold in folds)
    rng = np.random.default_rng(0)
    for size in _chunks(REPLICATES, max(1, CELLS // max(largest, len(groups)))):
        times = rng.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), size=size).astype(float)
        by_fold = [_drawn(kind, fold, times[:, code], chosen) for fold, code in zip(folds, codes, strict=True)]
        for name in chosen:
            draws[name].append(_nanmean(np.stack([values[name] for values in by_fold])))
    return {name: np.concatenate(parts) for name, parts in draws.items()}


def _drawn(kind: str, fold: FoldPredictions, weight: np.ndarray, chosen: Sequence[str]) -> dict[str, np.ndarray]:
    """Each metric of a fold for each row of weights; NaN where none of its groups was drawn."""
    met = weight.any(axis=1)
    found = {}
    for name in chosen:
        values = np.full(len(weight), np.nan)
        values[met] = METRICS[name].weighted(fold.true, fold.predicted, weight[met])
        found[name] = values
    return found


def _groups(folds: Sequence[FoldPredictions]) -> np.ndarray:
    return np.unique(np.concatenate([fold.group for fold in folds]))


def _unweighted(kind: str, fold: FoldPredictions) -> Mapping[str, float]:
    ones = np.ones((1, len(fold.true)))
    return {name: float(METRICS[name].weighted(fold.true, fold.predicted, ones)[0]) for name in names(kind)}


def expanded_percentiles(draws: np.ndarray, groups: int, constant: bool = False) -> Interval:
    """The expanded percentile interval: of few groups, the bootstrap alone would be too narrow."""
    defined = draws[np.isfinite(draws)]
    if groups < 2 or defined.size < draws.size / 2 or (np.ptp(defined) < 1e-12 and not constant):
        return None
    tail = float(ndtr(np.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, (1 - LEVEL) / 2)))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def _clipped(interval: Interval, limits: tuple[float, float]) -> Interval:
    return None if interval is None else (max(interval[0], limits[0]), min(interval[1], limits[1]))


def _chunks(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]


def _nanmean(values: np.ndarray) -> np.ndarray:
    """The mean over the first axis of the values that are defined; NaN where none is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    return np.where(count > 0, np.where(defined, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)
