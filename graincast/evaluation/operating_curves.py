"""ROC and precision-recall curves on a common grid, so that those of folds and of resamples can be averaged."""

from dataclasses import dataclass

import numpy as np

from graincast.evaluation.test_data import Predictions

GRID = np.linspace(0, 1, 201)
"""False-positive rates of a ROC curve, recalls of a precision-recall curve."""
REPLICATES = 500
OF_FOLDS, OF_GROUPS = (0.1, 0.9), (0.025, 0.975)
"""Quantiles that a band holds: over folds, over resamples of the groups."""


@dataclass(frozen=True)
class Curves:
    """The curves of an experiment, each float64 [3, GRID]: the mean over folds, and the limits of a band.

    band       what the band is, in words
    operating  false-positive rate, recall and precision where the probability is one half; NaN where undefined
    abnormal   the fraction of abnormal values
    """

    roc: np.ndarray
    precision: np.ndarray
    band: str
    operating: tuple[float, float, float]
    abnormal: float


def curves(tested: Predictions) -> Curves | None:
    """The curves of probabilities of abnormal growth; None where no fold has values of both classes.

    Each fold's model has curves of its own. The band of several folds holds most of them; that of one fold comes from
    a bootstrap over groups, and holds for the model as it was trained.
    """
    abnormal = tested.true > 0.5
    folds = [rows for rows in tested.by_fold().values() if 0 < abnormal[rows].sum() < rows.sum()]
    if not folds:
        return None
    of_folds = [_both(abnormal[rows], tested.predicted[rows], np.ones((1, rows.sum()))) for rows in folds]
    roc, precision = (np.concatenate([one[i] for one in of_folds]) for i in (0, 1))
    if len(folds) > 1:
        spread, quantiles = (roc, precision), OF_FOLDS
        band = "{:.0%} to {:.0%} of {} folds".format(*quantiles, len(folds))
    else:
        (rows,) = folds
        names, code = np.unique(tested.group[rows].astype(str), return_inverse=True)
        chances = np.full(len(names), 1 / len(names))
        weight = np.random.default_rng(0).multinomial(len(names), chances, REPLICATES)[:, code].astype(float)
        spread, quantiles = _both(abnormal[rows], tested.predicted[rows], weight), OF_GROUPS
        band = f"95 % of resamples of {len(names)} groups"
    limits = [np.nanquantile(values, quantiles, axis=0) for values in spread]
    decided = tested.predicted > 0.5
    rates = [_ratio(decided[inside].sum(), inside.sum()) for inside in (~abnormal, abnormal)]
    operating = rates[0], rates[1], _ratio(abnormal[decided].sum(), decided.sum())
    means = [np.nanmean(values, axis=0)[None] for values in (roc, precision)]
    with_bands = [np.concatenate([mean, limit]) for mean, limit in zip(means, limits, strict=True)]
    return Curves(with_bands[0], with_bands[1], band, operating, float(abnormal.mean()))


def _both(abnormal: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall at each false-positive rate, and precision at each recall, under each row of weights, [r, GRID] each.

    NaN where the weights leave one class only.
    """
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.diff(probability[order], append=np.inf))  # values that tie are decided together
    true, false = (np.cumsum(weight[:, order] * of[order], axis=1)[:, ends] for of in (abnormal, ~abnormal))
    roc, precision = np.full((len(weight), GRID.size), np.nan), np.full((len(weight), GRID.size), np.nan)
    for i, (positive, negative) in enumerate(zip(true, false, strict=True)):
        if positive[-1] > 0 and negative[-1] > 0:
            recall, false_rate = positive / positive[-1], negative / negative[-1]
            roc[i] = np.interp(GRID, np.append(0, false_rate), np.append(0, recall))
            met = np.searchsorted(recall, np.maximum(GRID, 1e-12) - 1e-12)
            precision[i] = (positive / np.maximum(positive + negative, 1e-300))[met]
    return roc, precision


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b else float("nan")
