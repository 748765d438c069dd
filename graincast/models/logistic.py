"""Logistic regression, or ridge regression of the growth ratio, on the candidate's features (scikit-learn)."""

import functools
import itertools
from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from graincast.models import estimators
from graincast.training.normalisation import moments

ITERATIONS, TOLERANCE = 10_000, 1e-6  # of the solver: converged


def transformed(x: np.ndarray, transform: str) -> np.ndarray:
    """Inputs as they are, or the logarithm of 1 + their size, with their sign: areas vary over orders of magnitude."""
    return np.sign(x) * np.log1p(np.abs(x)) if transform == "log" else x


def fit(
    x: np.ndarray, true: np.ndarray, classify: bool, axes: dict[str, list], training: dict
) -> Iterator[tuple[dict, dict]]:
    """Fit each point of the axes: weight [inputs] and bias of normalised inputs."""
    for transform, c in itertools.product(axes["transform"], axes["c"]):
        z = transformed(x, transform)
        mean, std = moments(z)
        z = (z - mean) / std
        model = LogisticRegression(C=c, max_iter=ITERATIONS, tol=TOLERANCE) if classify else Ridge(1 / c)
        rows, label, weight = estimators.weighted_classes(true) if classify else (slice(None), true, None)
        model.fit(z[rows], label, weight)
        weight, bias = np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])
        parameters = {"transform": transform, "mean": mean, "std": std, "weight": weight, "bias": bias}
        yield {"transform": transform, "c": c}, parameters


def score(model: dict, x: np.ndarray) -> np.ndarray:
    """The logit of abnormal growth, or the growth ratio, float64 [g]."""
    z = transformed(x, model["transform"])
    return (z - model["mean"]) / model["std"] @ model["weight"] + model["bias"]


read, total_steps = estimators.read, estimators.total_steps
train = functools.partial(estimators.train, fit)
predict = functools.partial(estimators.predict, score)
