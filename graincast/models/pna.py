"""Principal neighbourhood aggregation (PNA, Corso et al. 2020, arXiv 2004.05718), with edge features: two layers."""

import functools
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import relu
from torch_geometric.nn import PNAConv

from graincast.features.table import FeatureTable
from graincast.models import graph_network, message_layers

AGGREGATORS, SCALERS = ["mean", "min", "max", "std"], ["identity", "amplification", "attenuation"]


class Network(message_layers.Network):
    """Layers that gather the mean, minimum, maximum and standard deviation of messages: maps [n, columns] to [n].

    Each of these is also scaled up and down with the logarithm of the grain's number of neighbours, relative to that of
    the training data.

    hidden   channels of each layer
    degrees  how many grains of the training data have 0, 1, 2, … neighbours
    options  those of message_layers.Network
    """

    SELF_LOOPS, LAYERS = False, 2

    def __init__(self, columns: int, edge_columns: int, hidden: int, degrees: list[int], **options: Any) -> None:
        first = nn.Linear(columns, hidden)
        histogram = torch.tensor(degrees)
        layers = (
            PNAConv(hidden, hidden, AGGREGATORS, SCALERS, histogram, edge_dim=edge_columns) for _ in range(self.LAYERS)
        )
        super().__init__(layers, hidden, relu, first=first, **options)

    @classmethod
    def measured(cls, data: FeatureTable, inside: np.ndarray) -> dict:
        """The degrees; a grain without neighbours counts as one with a single one, as it does in attenuation."""
        of_parts = [np.bincount(part.flat_edges[:, 1], minlength=len(part.x)) for part in data.parts()]
        degree = np.concatenate(of_parts)[np.repeat(inside, np.diff(data.node_ptr))]
        return {"degrees": np.bincount(np.maximum(degree, 1)).tolist()}


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
