"""Scalable inception graph network (SIGN, Rossi et al. 2020, arXiv 2004.11198): a perceptron on propagated features.

The candidate's features, propagated 0 … K times as for SGC, are computed once; no epoch looks at another grain.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from graincast.experiment.targets import Target
from graincast.experiment.trained import Trained
from graincast.features.table import FeatureTable
from graincast.models import graph_network
from graincast.models.sgc_propagation import moments, propagated

STEPS = "propagation_steps"


class Network(graph_network.Network):
    """A linear layer for each number of propagations, side by side, and a perceptron: maps [n, columns] to [n].

    parts    how many times the features were propagated, and unpropagated: K + 1 parts of the columns
    hidden   channels of each linear layer, and of the perceptron's hidden layer
    dropout  fraction of the channels dropped in training
    """

    SELF_LOOPS = False

    def __init__(self, columns: int, edge_columns: int, parts: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.ModuleList(nn.Linear(columns // parts, hidden) for _ in range(parts))
        self.perceptron = nn.Sequential(
            nn.ReLU(), nn.Dropout(dropout), nn.Linear(parts * hidden, hidden), nn.ReLU(), nn.Dropout(dropout)
        )
        self.last = nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor, edge_attr: torch.Tensor) -> torch.Tensor:
        parts = x.chunk(len(self.first), dim=1)
        channels = [linear(part) for linear, part in zip(self.first, parts, strict=True)]
        return self.last(self.perceptron(torch.cat(channels, dim=1)))[:, 0]


def train(
    data: FeatureTable,
    subsets: dict[str, np.ndarray],
    target: Target,
    grid: dict[str, list],
    training: dict,
    *,
    advance: Callable[[int, str], None] = lambda epochs, note: None,
    device: str = "cpu",
    checkpoints: Path | None = None,
    watch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Trained:
    """As graph_network.train, for each number of propagation steps in the grid."""
    others = {axis: values for axis, values in grid.items() if axis != STEPS}
    options: dict[str, Any] = {"advance": advance, "device": device, "checkpoints": checkpoints}
    options["watch"] = watch
    target = replace(target, all_values=None, all_soft=None)
    result: Trained | None = None
    parts = {steps: propagated(data, range(steps + 1)) for steps in grid[STEPS]}
    for steps, (fold, subset) in itertools.product(grid[STEPS], subsets.items()):
        mean, std = moments(data, subset == "train")
        settings = {**training, "parts": steps + 1, "loss_grains": None}
        inputs = candidates(data, parts[steps], mean, std)
        trained = graph_network.train(Network, inputs, {fold: subset}, target, others, settings, **options)
        result = result or replace(trained, models={}, iterations={}, curves={})
        for (trial, _), model in trained.models.items():
            point = dict(zip(others, trial, strict=True)) | {STEPS: steps}
            key = tuple(point[axis] for axis in grid), fold
            result.models[key] = {
                "columns": list(data.columns),
                STEPS: steps,
                "mean": mean,
                "std": std,
                "perceptron": model,
            }
            result.iterations[key] = trained.iterations[trial, fold]
            result.curves[key] = trained.curves[trial, fold]
    assert result is not None  # no axis is empty
    return result


def predict(model: dict, data: FeatureTable) -> np.ndarray:
    """The probability of abnormal growth, or the growth ratio, from one trained model, float64 [g].

    Raises ValueError if the features are not those that the model was trained on.
    """
    if list(data.columns) != list(model["columns"]):
        raise ValueError(f"the model needs the features {model['columns']}, the data have {data.columns}")
    parts = propagated(data, range(model[STEPS] + 1))
    return graph_network.predict(Network, model["perceptron"], candidates(data, parts, model["mean"], model["std"]))


def candidates(
    data: FeatureTable, parts: tuple[np.ndarray, np.ndarray], mean: np.ndarray, std: np.ndarray
) -> FeatureTable:
    """The candidates alone, each a graph without growth runs; columns: the features propagated 0 … K times.

    parts      S^k X and S^k 1 for each of these numbers of times, see sgc_propagation.propagated
    mean, std  of the features, which count as normalised with them before they were propagated
    """
    x, ones = parts
    count = len(data.name)
    return replace(
        data,
        columns=[f"{column}*{k}" for k in range(len(x)) for column in data.columns],
        edge_columns=[],
        x=np.concatenate((x - ones[..., None] * mean) / std, axis=1),
        node_ptr=np.arange(count + 1),
        candidate=np.ones(count, bool),
        edges=np.zeros((0, 2), data.edges.dtype),
        edge_x=np.zeros((0, 0)),
        edge_ptr=np.zeros(count + 1, np.int64),
        growth_ptr=np.zeros(count + 1, np.int64),
        growth_ratio=np.zeros(0),
    )


read, total_steps = graph_network.read, graph_network.total_steps
