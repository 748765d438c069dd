"""What estimators on the candidate's features share: their inputs, and the loops over folds and grid.

An estimator's inputs are its candidate's features, followed by the same averaged 1 … K times over each grain and its
neighbours. A feature that is 0 at every other grain of the training set, such as those of
features/shells.py, is the candidate's alone and is not averaged.

With `refit`, each is fitted twice: to training data, whose predictions of validation data choose the trial, and to
both, for the test and for use.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse
from threadpoolctl import threadpool_limits

from graincast.experiment.targets import ABNORMAL, Target
from graincast.experiment.trained import REFITTED, Trained
from graincast.features import table
from graincast.features.table import FeatureTable
from graincast.microstructure import BadInput

read = table.read
Fit = Callable[[np.ndarray, np.ndarray, bool, dict[str, list], dict[str, Any]], Iterator[tuple[dict, dict]]]


def total_steps(points: int, folds: int, training: dict) -> tuple[int, str]:
    """The total that `advance` counts up to, and its unit."""
    return points * folds, "estimators"


def train(
    fit: Fit,
    data: FeatureTable,
    subsets: dict[str, np.ndarray],
    target: Target,
    grid: dict[str, list],
    training: dict,
    *,
    advance: Callable[[int, str], None] = lambda estimators, note: None,
    device: str = "cpu",
    checkpoints: object = None,
) -> Trained:
    """Train every point of a grid on every fold.

    fit      fit(x [n, inputs], true [n], classify, axes, training) yields each point of the axes and the parameters
             that were fitted; the axes are those of the grid, without threshold and propagation_steps
    subsets  {fold: subset of each microstructure, str [g]}: "train", "validation", "test" or ""
    target   of the candidates: abnormal or not, or the fraction of runs, or the growth ratio
    grid     the axes threshold (for abnormal), propagation_steps, and those of the estimator
    training  refit, and what the estimator itself takes
    advance  called with the number of estimators trained
    There are no curves. Runs on the CPU: device and checkpoints have no effect.
    Raises BadInput if the training set has one class only.
    """
    result = Trained({}, {}, {}, np.zeros(0, int), ())
    classify = target.kind == ABNORMAL
    own = {axis: values for axis, values in grid.items() if axis not in ("threshold", "propagation_steps")}
    settings = {key: value for key, value in training.items() if key != "refit"}
    for fold, subset in subsets.items():
        inside, learned = subset == "train", np.isin(subset, ["train", "validation"])
        averaged = _averaged(data, inside)
        for steps, threshold in itertools.product(grid["propagation_steps"], grid.get("threshold", [None])):
            true = target.learned[threshold].astype(float)
            if classify and np.unique(true[inside]).size < 2:
                raise BadInput(
                    f"fold {fold}: at threshold {threshold:g} all training targets are the same; nothing can be learned"
                )
            x = inputs(data, steps, averaged)
            shared = {
                "columns": list(data.columns),
                "propagation_steps": steps,
                "averaged": averaged,
                "classify": classify,
            }
            fits = [
                _on_one_thread(fit(x[rows], true[rows], classify, own, settings))
                for rows in ([inside, learned] if training["refit"] else [inside])
            ]
            for (point, parameters), *again in zip(*fits, strict=True):
                point = {**point, "threshold": threshold, "propagation_steps": steps}
                key = tuple(point[axis] for axis in grid), fold
                result.models[key] = shared | parameters
                for _, refitted in again:
                    result.models[key][REFITTED] = shared | refitted
                result.iterations[key], result.curves[key] = 0, np.zeros((0, 0))
                advance(1, "")
    return result


def predict(score: Callable[[dict, np.ndarray], np.ndarray], model: dict, data: FeatureTable) -> np.ndarray:
    """The probability of abnormal growth, or the growth ratio, from one trained model, float64 [g].

    score  score(model, x [g, inputs]) returns the logit of abnormal growth, or the growth ratio
    Raises ValueError if the features are not those that the model was trained on.
    """
    if list(data.columns) != list(model["columns"]):
        raise ValueError(f"the model needs the features {model['columns']}, the data have {data.columns}")
    found = score(model, inputs(data, model["propagation_steps"], model["averaged"]))
    return 0.5 * (1 + np.tanh(found / 2)) if model["classify"] else found  # the logistic function, without overflow


def weighted_classes(true: np.ndarray) -> tuple[np.ndarray | slice, np.ndarray, np.ndarray | None]:
    """Rows, their classes and weights, whose cross-entropy is that of fractions `true`, float [n].

    A fraction between 0 and 1 is a row of both classes. Where there is none, all rows stand for themselves, unweighted.
    """
    if np.isin(true, (0, 1)).all():
        return slice(None), true, None
    rows = np.concatenate([np.flatnonzero(true > 0), np.flatnonzero(true < 1)])
    positive = np.arange(rows.size) < np.count_nonzero(true > 0)
    return rows, positive.astype(float), np.where(positive, true[rows], 1 - true[rows])


def _on_one_thread(results: Iterator) -> Iterator:
    """The results of an iterator that works on one thread: sums depend on the number of threads."""
    while True:
        with threadpool_limits(1):
            try:
                result = next(results)
            except StopIteration:
                return
        yield result


def inputs(data: FeatureTable, propagation_steps: int, averaged: np.ndarray) -> np.ndarray:
    """An estimator's inputs, float64 [g, columns + propagation_steps x averaged columns].

    averaged  the columns whose averages over neighbours are inputs too, bool [columns]
    """
    return np.concatenate([_inputs_of_part(part, propagation_steps, averaged) for part in data.parts()])


def _inputs_of_part(data: FeatureTable, propagation_steps: int, averaged: np.ndarray) -> np.ndarray:
    own = np.asarray(data.x[data.candidate_index], float)
    if not propagation_steps:
        return own
    mean, z, found = _mean_over_neighbours(data), np.asarray(data.x[:, averaged], float), [own]
    for _ in range(propagation_steps):
        z = mean @ z
        found.append(z[data.candidate_index])
    return np.concatenate(found, axis=1)


def _mean_over_neighbours(data: FeatureTable) -> scipy.sparse.csr_array:
    """D^-1 (A + I) of all graphs, with D the degrees of A + I: float64 [N, N]."""
    n = len(data.x)
    source, target = data.flat_edges.T
    a = scipy.sparse.coo_array((np.ones(source.size), (target, source)), shape=(n, n)).tocsr()
    a += scipy.sparse.eye_array(n, format="csr")
    return a.multiply(1 / a.sum(axis=1)[:, None]).tocsr()


def _averaged(data: FeatureTable, inside: np.ndarray) -> np.ndarray:
    pieces = zip(data.rows_of("x", inside), data.rows_of("candidate", inside), strict=True)
    return np.any([(x[~candidate] != 0).any(axis=0) for x, candidate in pieces], axis=0)
