"""Exact attributions of models that are linear in the grains' features: SGC, logistic and ridge regression."""

from collections.abc import Iterator

import numpy as np

from graincast.explanation.attributions import Attributions
from graincast.features.table import FeatureTable
from graincast.models import estimators, logistic
from graincast.models.sgc_propagation import adjacency


def sgc(model: dict, data: FeatureTable) -> Attributions:
    """Of simple graph convolution: grain j adds S^K[candidate, j] (x_j - mean) / std w."""
    weight, bias, low, span = np.asarray(model["weight"]), np.asarray(model["bias"]), 0.0, 1.0
    if "extremes" in model:
        low, high = model["extremes"]
        span, w, b = high - low, weight[:, 0], bias[0]
    else:
        w, b = weight[:, 1] - weight[:, 0], bias[1] - bias[0]
    *_, reach = symmetric_reach(data, model["propagation_steps"])
    nodes = span * reach[:, None] * (data.x - model["mean"]) / model["std"] * w
    baseline = np.full(len(data.name), low + span * b)
    return Attributions(list(data.columns), nodes, baseline, baseline + _sums(data, nodes), data.node_ptr)


def regression(model: dict, data: FeatureTable) -> Attributions:
    """Of logistic or ridge regression: input i adds (z_i - mean_i) / std_i w_i.

    An input that is a mean over grains is divided among them, where it was not transformed; else it is one of the
    candidate's, named "mean NAME over k hops".
    """
    averaged, steps = np.asarray(model["averaged"], bool), model["propagation_steps"]
    x = estimators.inputs(data, steps, averaged)
    z = logistic.transformed(x, model["transform"])
    added = (z - model["mean"]) / model["std"] * model["weight"]
    own, columns = len(data.columns), list(data.columns)
    nodes = np.zeros((len(data.x), own))
    nodes[data.candidate_index] = added[:, :own]
    if model["transform"] == "none":
        mean, slope = model["mean"][own:], (model["weight"] / model["std"])[own:]
        for number, reach in enumerate(_mean_reach(data, steps)):
            part = slice(number * averaged.sum(), (number + 1) * averaged.sum())
            nodes[:, averaged] += reach[:, None] * (data.x[:, averaged] - mean[part]) * slope[part]
    elif steps:
        names = [name for name, inside in zip(data.columns, averaged, strict=True) if inside]
        columns += [f"mean {name} over {k} hop{'s'[: k > 1]}" for k in range(1, steps + 1) for name in names]
        others = np.zeros((len(data.x), added.shape[1] - own))
        others[data.candidate_index] = added[:, own:]
        nodes = np.concatenate([nodes, others], axis=1)
    baseline = np.full(len(data.name), float(model["bias"]))
    return Attributions(columns, nodes, baseline, baseline + added.sum(axis=1), data.node_ptr)


def symmetric_reach(data: FeatureTable, steps: int) -> Iterator[np.ndarray]:
    """The row of S^k that belongs to each microstructure's candidate, for k = 0 … steps, float64 [N] each.

    S is symmetric, and grains of different microstructures are not connected.
    """
    s, reach = adjacency(data), data.candidate.astype(float)
    yield reach
    for _ in range(steps):
        reach = s @ reach
        yield reach


def _mean_reach(data: FeatureTable, steps: int) -> Iterator[np.ndarray]:
    """The same of the mean over a grain and its neighbours, D^-1 (A + I), for k = 1 … steps."""
    source, target = data.flat_edges.T
    count = 1.0 + np.bincount(target, minlength=len(data.x))
    reach = data.candidate.astype(float)
    for _ in range(steps):
        passed = reach / count
        reach = passed + np.bincount(source, passed[target], minlength=len(data.x))
        yield reach


def _sums(data: FeatureTable, nodes: np.ndarray) -> np.ndarray:
    return np.add.reduceat(nodes.sum(axis=1), data.node_ptr[:-1])
