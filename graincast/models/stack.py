"""A stack (Wolpert 1992, Neural Networks 5, 241): logistic regression on the logits of other experiments' predictions.

It learns from the validation data of each fold, which the other models have not learned, and is tested on the same test
data as they. Its own predictions for validation data, by which it is chosen, compared and calibrated, are those of
cross-fitting: of regressions on the other parts of the validation data, divided by group.
"""

import itertools
from collections.abc import Callable

import numpy as np
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from graincast.experiment import stacked
from graincast.experiment.stacked import StackedTable
from graincast.experiment.targets import ABNORMAL, CANDIDATE, Target
from graincast.experiment.trained import Trained
from graincast.files.name_hash import uniform
from graincast.microstructure import BadInput

PARTS = 5
"""Parts of the validation data in cross-fitting."""
ITERATIONS, TOLERANCE = 10_000, 1e-8  # of the solver: converged
CERTAIN = 1e-4
"""Probabilities count as no closer than this to 0 and 1."""

read = stacked.read


def total_steps(points: int, folds: int, training: dict) -> tuple[int, str]:
    """The total that `advance` counts up to, and its unit."""
    return points * folds, "stacks"


def train(
    data: StackedTable,
    subsets: dict[str, np.ndarray],
    target: Target,
    grid: dict[str, list],
    training: dict,
    *,
    advance: Callable[[int, str], None] = lambda stacks, note: None,
    device: str = "cpu",
    checkpoints: object = None,
) -> Trained:
    """Fit every point of a grid on the validation data of every fold.

    subsets  {fold: subset of each microstructure, str [g]}
    target   of the candidates: abnormal or not
    grid     the axes threshold and c, the inverse of the L2 penalty
    There are no curves; device and checkpoints have no effect.
    Raises BadInput if a fold's validation data are of one class, or for another kind of target.
    """
    if (target.kind, target.grains) != (ABNORMAL, CANDIDATE):
        raise BadInput("target: a stack learns whether candidates grow abnormally, and nothing else")
    result = Trained({}, {}, {}, np.zeros(0, int), ())
    for (fold, subset), threshold, c in itertools.product(subsets.items(), grid["threshold"], grid["c"]):
        inside = np.flatnonzero(subset == "validation")
        true = target.values[threshold][inside]
        if np.unique(true).size < 2:
            raise BadInput(
                f"fold {fold}: at threshold {threshold:g} all validation targets are the same: nothing to fit"
            )
        x = _inputs(data, threshold, fold)[inside]
        weight, bias = _fitted(x, true, c)
        point = {"threshold": threshold, "c": c}
        key = tuple(point[axis] for axis in grid), fold
        result.models[key] = {
            "columns": list(data.columns),
            "threshold": threshold,
            "fold": fold,
            "weight": weight,
            "bias": bias,
            "fitted_on": [data.name[i] for i in inside],
            "cross_fitted": _cross_fitted(x, true, [data.group[i] for i in inside], c),
        }
        result.iterations[key], result.curves[key] = 0, np.zeros((0, 0))
        advance(1, "")
    return result


def predict(model: dict, data: StackedTable) -> np.ndarray:
    """The probability of abnormal growth, float64 [g]; for data that it was fitted on, from cross-fitting.

    Raises ValueError if the experiments are not those that the stack was fitted on.
    """
    if list(data.columns) != list(model["columns"]):
        raise ValueError(f"the model needs the predictions of {model['columns']}, the data have {data.columns}")
    probability = expit(_inputs(data, model["threshold"], model["fold"]) @ model["weight"] + model["bias"])
    row = {name: i for i, name in enumerate(data.name)}
    for name, value in zip(model["fitted_on"], model["cross_fitted"], strict=True):
        if name in row:
            probability[row[name]] = value
    return probability


def _inputs(data: StackedTable, threshold: float, fold: str) -> np.ndarray:
    """The logits of the experiments' predictions, float64 [g, e]."""
    return logit(np.clip(data.predictions(threshold, fold), CERTAIN, 1 - CERTAIN))


def _fitted(x: np.ndarray, true: np.ndarray, c: float) -> tuple[np.ndarray, float]:
    """Weights [e] and bias; of values of one class, no weights and the class's logit, drawn towards one half."""
    if np.unique(true).size < 2:
        return np.zeros(x.shape[1]), float(logit((true.sum() + 1) / (true.size + 2)))
    with threadpool_limits(1):  # sums depend on the number of threads
        model = LogisticRegression(C=c, max_iter=ITERATIONS, tol=TOLERANCE).fit(x, true)
    return np.ravel(model.coef_), float(model.intercept_[0])


def _cross_fitted(x: np.ndarray, true: np.ndarray, groups: list[str], c: float) -> np.ndarray:
    """Predictions for each part of the data from a fit to the other parts, float64 [n]; a group is in one part."""
    order = sorted(set(groups), key=lambda group: uniform("stack", 0, group))
    part_of = {group: number % PARTS for number, group in enumerate(order)}
    part, found = np.array([part_of[group] for group in groups]), np.zeros(len(x))
    for number in np.unique(part):
        inside = part == number
        weight, bias = _fitted(x[~inside], true[~inside], c)
        found[inside] = expit(x[inside] @ weight + bias)
    return found
