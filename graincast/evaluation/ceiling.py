"""The noise ceiling: the best that any model can reach where growth runs from one state differ.

A model sees the initial state, and at best knows the probability p that a growth run from it ends above the threshold.
Over states, p is taken to follow a beta distribution, so the number of runs above, k of n, is beta-binomial (Skellam,
J. R. Stat. Soc. B 10, 257, 1948; Williams, Biometrics 31, 949, 1975). Fitted by maximum likelihood, it corrects for few
repeats: the observed k / n vary more than p does. From the distribution of p follow the best accuracy E[max(p, 1 - p)],
the best Brier score E[p (1 - p)] and the AUC of p itself. The label of several runs is taken as that of their majority,
which is above with the probability that more than half of n runs are.

The best R² is the part of the growth ratios' variance that lies between states: components of the one-way analysis of
variance, unbalanced (Searle, Casella & McCulloch, Variance Components, 1992, section 3.6).

Intervals are bootstrapped over groups.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, betaln
from scipy.stats import binom

from graincast.evaluation.intervals import Interval, expanded_percentiles

MIN_STATES = 10
"""Fewer states with repeats say too little."""
REPLICATES = 1000
GRID = np.linspace(0.005, 0.995, 199)
"""The values of the mean m of p, and of its correlation rho between two runs, among which the likelihood is largest."""
NODES = 100
"""Quantiles of p that an expectation is the mean over."""


@dataclass(frozen=True)
class Repeats:
    """Growth runs of s states with two runs or more.

    ratios  growth ratios of each state's runs, float64 [runs] each
    group   of each state, str [s]
    """

    ratios: Sequence[np.ndarray]
    group: Sequence[str]

    @property
    def runs(self) -> np.ndarray:
        """The number of runs of each state, int64 [s]."""
        return np.array([len(ratios) for ratios in self.ratios], np.int64)

    @property
    def typical_runs(self) -> int:
        """The median number of runs."""
        return int(np.median(self.runs))


def with_repeats(ratios: Sequence[np.ndarray], group: Sequence[str]) -> Repeats | None:
    """The states that have repeats; None if they are too few."""
    found = [(values, name) for values, name in zip(ratios, group, strict=True) if len(values) > 1]
    if len(found) < MIN_STATES:
        return None
    return Repeats([values for values, _ in found], [name for _, name in found])


def of_threshold(repeats: Repeats, threshold: float) -> dict[str, dict[str, dict]]:
    """{"single_run" and "repeats": {metric: value and interval}} for growth above a threshold.

    The metrics are accuracy, auc, brier, and the accuracy of the larger class, majority_class_accuracy.
    """
    above = np.array([int((values > threshold).sum()) for values in repeats.ratios])
    cells, cell = np.unique(np.stack([repeats.runs, above], axis=1), axis=0, return_inverse=True)
    likelihood = np.stack([_log_likelihood(int(n), int(k)) for n, k in cells])
    one_hot = np.eye(len(cells))[cell.ravel()]
    draws = _draws(repeats.group)
    points = _best(likelihood, np.concatenate([one_hot.sum(axis=0)[None], draws @ one_hot]))
    unique, index = np.unique(points, return_inverse=True)
    probability = _quantiles(unique)
    of_majority = binom.sf(repeats.typical_runs / 2, repeats.typical_runs, probability)
    groups = len(set(repeats.group))
    return {
        name: {metric: _with_interval(values[index.ravel()], groups) for metric, values in _reached(chance).items()}
        for name, chance in (("single_run", probability), ("repeats", of_majority))
    }


def of_ratio(repeats: Repeats) -> dict[str, dict]:
    """{"single_run" and "repeats": value and interval of the best R² of growth ratios: of one run, of the mean}."""
    draws = np.concatenate([np.ones((1, len(repeats.ratios))), _draws(repeats.group)])
    between, within = _components(repeats, draws)
    groups = len(set(repeats.group))
    return {
        name: _with_interval(between / np.maximum(between + within / runs, 1e-300), groups)
        for name, runs in (("single_run", 1), ("repeats", repeats.typical_runs))
    }


def share(value: float, trivial: float, ceiling: float) -> float | None:
    """How far a model goes from the trivial baseline (0) to the ceiling (1); None where they hardly differ."""
    return (value - trivial) / (ceiling - trivial) if ceiling - trivial > 0.01 else None


@functools.cache
def _log_likelihood(runs: int, above: int) -> np.ndarray:
    """The log-likelihood of a state's number of runs above at each (m, rho), float64 [points], less a constant."""
    a, b = _parameters(np.arange(GRID.size**2))
    return betaln(above + a, runs - above + b) - betaln(a, b)


def _parameters(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The parameters of the beta distribution at points of the grid."""
    m, rho = GRID[points // GRID.size], GRID[points % GRID.size]
    return m * (1 - rho) / rho, (1 - m) * (1 - rho) / rho


def _best(likelihood: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The point with the largest likelihood for each row of counts of cells."""
    parts = np.array_split(counts, len(counts) // 50 + 1)
    return np.concatenate([(part @ likelihood).argmax(axis=1) for part in parts])


def _quantiles(points: np.ndarray) -> np.ndarray:
    """Equally likely values of p at each point, ascending, float64 [points, NODES]."""
    a, b = (parameter[:, None] for parameter in _parameters(points))
    return betaincinv(a, b, (np.arange(NODES) + 0.5) / NODES)


def _reached(chance: np.ndarray) -> Mapping[str, np.ndarray]:
    """What is reached by knowing the chance of growth above the threshold, ascending values [points, NODES]."""
    normal = np.cumsum(1 - chance, axis=1) - (1 - chance) / 2
    pairs = chance.sum(axis=1) * (1 - chance).sum(axis=1)
    mean = chance.mean(axis=1)
    return {
        "accuracy": np.maximum(chance, 1 - chance).mean(axis=1),
        "auc": (chance * normal).sum(axis=1) / np.maximum(pairs, 1e-300),
        "brier": (chance * (1 - chance)).mean(axis=1),
        "majority_class_accuracy": np.maximum(mean, 1 - mean),
    }


def _components(repeats: Repeats, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The variance between and within states under each row of weights of states, float64 [r] each."""
    runs = repeats.runs.astype(float)
    mean = np.array([values.mean() for values in repeats.ratios])
    inside = np.array([((values - values.mean()) ** 2).sum() for values in repeats.ratios])
    total, states = weight @ runs, weight.sum(axis=1)
    within = (weight @ inside) / np.maximum(total - states, 1)
    grand = (weight @ (runs * mean)) / total
    squares = (weight * runs * (mean - grand[:, None]) ** 2).sum(axis=1)
    size = (total - (weight @ runs**2) / total) / np.maximum(states - 1, 1)
    return np.maximum(0, (squares / np.maximum(states - 1, 1) - within) / size), within


def _draws(group: Sequence[str]) -> np.ndarray:
    """How often each state is drawn, with its whole group, float64 [REPLICATES, s]."""
    names, code = np.unique(np.asarray(group), return_inverse=True)
    chances = np.full(len(names), 1 / len(names))
    return np.random.default_rng(0).multinomial(len(names), chances, size=REPLICATES)[:, code].astype(float)


def _with_interval(values: np.ndarray, groups: int) -> dict[str, float | Interval]:
    """The first value, and the interval of the others."""
    return {"value": float(values[0]), "interval": expanded_percentiles(values[1:], groups)}
