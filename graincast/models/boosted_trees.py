"""Gradient-boosted trees on the candidate's features (scikit-learn's HistGradientBoosting), stored as arrays.

A model with t trees of n nodes in all holds, per node, feature, threshold, left, right (node indices; an input at most
the threshold goes left) and value; a leaf is its own left and right. The score is baseline + the sum of the values of
the leaves that are reached.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from graincast.models import estimators


def fit(
    x: np.ndarray, true: np.ndarray, classify: bool, axes: dict[str, list], training: dict
) -> Iterator[tuple[dict, dict]]:
    """Fit each point of the axes; fewer trees are the first of more. A fraction counts in a leaf as two samples."""
    kind: Any = HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor
    for depth, shrinkage in itertools.product(axes["depth"], axes["shrinkage"]):
        model = kind(
            max_iter=max(axes["trees"]),
            max_depth=depth,
            learning_rate=shrinkage,
            early_stopping=False,
            random_state=0,  # of the bins of large data sets
            **training,
        )
        rows, label, weight = estimators.weighted_classes(true) if classify else (slice(None), true, None)
        model.fit(x[rows], label, weight)
        for trees in axes["trees"]:
            yield {"trees": trees, "depth": depth, "shrinkage": shrinkage}, arrays(model, trees)


def arrays(model: Any, trees: int) -> dict:
    """The first trees of a fitted estimator as arrays, see above."""
    nodes = [predictor.nodes for (predictor,) in model._predictors[:trees]]
    root = np.cumsum([0, *(len(one) for one in nodes)])[:-1].astype(np.int64)
    joined = np.concatenate(nodes)
    start = np.repeat(root, [len(one) for one in nodes])
    leaf, itself = joined["is_leaf"].astype(bool), np.arange(len(joined))
    return {
        "baseline": float(np.ravel(model._baseline_prediction)[0]),
        "depth": int(joined["depth"].max()),
        "root": root,
        "feature": np.where(leaf, 0, joined["feature_idx"]).astype(np.int64),
        "threshold": np.where(leaf, 0, joined["num_threshold"]).astype(np.float64),
        "left": np.where(leaf, itself, joined["left"] + start).astype(np.int64),
        "right": np.where(leaf, itself, joined["right"] + start).astype(np.int64),
        "value": joined["value"].astype(np.float64),
    }


def score(model: dict, x: np.ndarray) -> np.ndarray:
    """The logit of abnormal growth, or the growth ratio, float64 [g]."""
    total = np.full(len(x), model["baseline"])
    rows = np.arange(len(x))
    for root in model["root"]:
        node = np.full(len(x), root)
        for _ in range(model["depth"]):
            goes_left = x[rows, model["feature"][node]] <= model["threshold"][node]
            node = np.where(goes_left, model["left"][node], model["right"][node])
        total += model["value"][node]
    return total


read, total_steps = estimators.read, estimators.total_steps
train = functools.partial(estimators.train, fit)
predict = functools.partial(estimators.predict, score)
