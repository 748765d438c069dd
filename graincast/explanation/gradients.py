"""Attributions of networks: integrated gradients (Sundararajan, Taly & Yan 2017, arXiv 1703.01365).

The gradient of the output is integrated along the straight line from the baseline, every feature at its training mean
and the grain graph as it is, to the microstructure; by Gauss-Legendre quadrature in double precision, with twice the
points until the attributions sum to the difference, or MOST is reached: the standard deviations that PNA aggregates
jump from 0 to their smallest value (torch_geometric's StdAggregation), which no gradient sees.

A boundary's features count for the grain that the message comes from; those of a self-loop, the means over a grain's
boundaries, for the grain itself.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from graincast.explanation.attributions import Attributions
from graincast.explanation.linear import symmetric_reach
from graincast.features.table import FeatureTable
from graincast.models import graph_network
from graincast.models import sign as sign_model
from graincast.models.sgc_propagation import propagated
from graincast.training import graph_batches
from graincast.training.graph_batches import Batch

FEWEST, MOST = 16, 512
"""Points of the quadrature."""
TOGETHER = 64
"""Graphs per batch."""


def network(kind: type[graph_network.Network], model: dict, data: FeatureTable) -> Attributions:
    """Of a message-passing network of the candidates, one trained model as graph_network.train makes it."""
    module = _module(kind, model, len(data.columns), len(data.edge_columns))
    mean, std, edge_mean, edge_std = (model[key] for key in ("mean", "std", "edge_mean", "edge_std"))
    graphs = graph_batches.of_table(data, (data.x - mean) / std, (data.edge_x - edge_mean) / edge_std)
    if kind.SELF_LOOPS:
        graphs = graph_batches.with_self_loops(graphs)
    # the row of each grain, in place of a target, survives the cut and the new order
    graphs = graph_batches.with_targets(graphs, torch.arange(len(data.x)))
    if kind.LAYERS:
        graphs = graph_batches.seen_by_candidates(graphs, kind.LAYERS)
    batches = [graphs.batch(index) for index in torch.arange(len(data.name)).split(TOGETHER)]
    low, span = _scale(model)
    columns, own = [*data.columns, *data.edge_columns], len(data.columns)

    def attributed(points: int) -> Attributions:
        nodes, start, end = np.zeros((len(data.x), len(columns))), [], []
        for batch in batches:
            (x, edge), first, last = integrated(_score_of(module, batch), (batch.x, batch.edge_attr), points)
            row = batch.y.numpy()
            nodes[row, :own] = span * x
            np.add.at(nodes[:, own:], row[batch.edge_index[0].numpy()], span * edge)
            start.append(first)
            end.append(last)
        baseline, output = (low + span * np.concatenate(values) for values in (start, end))
        return Attributions(columns, nodes, baseline, output, data.node_ptr)

    return _refined(attributed)


def sign(model: dict, data: FeatureTable) -> Attributions:
    """Of SIGN: what its perceptron takes, features propagated 0 … K times, is divided among the grains it came from."""
    inner, steps = model["perceptron"], model["propagation_steps"]
    inputs = sign_model.candidates(data, propagated(data, range(steps + 1)), model["mean"], model["std"]).x
    module = _module(sign_model.Network, inner, inputs.shape[1], 0)
    normalised = (data.x - model["mean"]) / model["std"]
    reach = list(symmetric_reach(data, steps))
    owner = np.repeat(np.arange(len(data.name)), np.diff(data.node_ptr))
    empty = torch.zeros((2, 0), dtype=torch.int64), torch.zeros((0, 0), dtype=torch.float64)
    # features at their means propagate to 0, which the perceptron normalises in turn
    ends = [torch.from_numpy((values - inner["mean"]) / inner["std"]) for values in (np.zeros_like(inputs), inputs)]
    low, span = _scale(inner)

    def attributed(points: int) -> Attributions:
        (gradient,), start, end = _mean_gradients(lambda x: module(x, *empty), (ends[0],), (ends[1],), points)
        slope = (span * gradient.numpy() / inner["std"]).reshape(len(data.name), steps + 1, len(data.columns))
        nodes = sum(reach[k][:, None] * slope[owner, k] * normalised for k in range(steps + 1))
        return Attributions(list(data.columns), nodes, low + span * start, low + span * end, data.node_ptr)

    return _refined(attributed)


def integrated(
    score: Callable[..., torch.Tensor], inputs: Sequence[torch.Tensor], points: int
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Integrated gradients from a baseline of zeros: those of each input, and the scores [b] of baseline and inputs.

    score  of inputs of these shapes, [b]; each value of an input bears on one score only
    """
    ends = [values.double() for values in inputs]
    gradients, start, end = _mean_gradients(score, [torch.zeros_like(one) for one in ends], ends, points)
    return [(one * gradient).numpy() for one, gradient in zip(ends, gradients, strict=True)], start, end


def _mean_gradients(
    score: Callable[..., torch.Tensor], first: Sequence[torch.Tensor], last: Sequence[torch.Tensor], points: int
) -> tuple[list[torch.Tensor], np.ndarray, np.ndarray]:
    """The mean gradient on the line between two sets of inputs, by input, and the scores at both ends."""
    places, weights = np.polynomial.legendre.leggauss(points)
    total = [torch.zeros_like(one) for one in last]
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        inputs = [(a + place * (b - a)).requires_grad_() for a, b in zip(first, last, strict=True)]
        gradients = torch.autograd.grad(score(*inputs).sum(), inputs, allow_unused=True)
        for sum_, gradient in zip(total, gradients, strict=True):
            if gradient is not None:
                sum_ += weight * gradient
    with torch.no_grad():
        return total, score(*first).numpy(), score(*last).numpy()


def _refined(attributed: Callable[[int], Attributions]) -> Attributions:
    """Attributions with as many points as their sum needs."""
    points = FEWEST
    while True:
        found = attributed(points)
        if points >= MOST or (np.abs(found.residual) <= found.allowed).all():
            return found
        points *= 2


def _score_of(module: torch.nn.Module, batch: Batch) -> Callable[..., torch.Tensor]:
    """The network's output for the candidates of a batch, as a function of the features."""
    options: dict[str, Any] = {} if batch.seen is None else {"seen": batch.seen}
    options |= {"graph": batch.graph} if module.pools else {}
    return lambda x, edge: module(x, batch.edge_index, edge, **options)[batch.candidate]


def _module(kind: type[graph_network.Network], model: dict, columns: int, edge_columns: int) -> torch.nn.Module:
    module = kind(columns, edge_columns, **model["network"])
    module.load_state_dict({name: torch.from_numpy(value) for name, value in model["state"].items()})
    return module.double().eval().requires_grad_(False)


def _scale(model: dict) -> tuple[float, float]:
    """The growth ratios, if any, at scores of 0, and how much more at 1."""
    low, high = model.get("extremes", (0.0, 1.0))
    return float(low), float(high) - float(low)
