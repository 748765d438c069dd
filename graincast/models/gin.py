"""Graph isomorphism network with edge features (Hu et al. 2020, arXiv 1905.12265): three layers."""

import functools

import torch
from torch import nn
from torch.nn.functional import dropout, relu
from torch_geometric.nn import GINEConv

from graincast.models import graph_network

LAYERS = 3


class Network(graph_network.Network):
    """Isomorphism layers, then a linear layer on what all of them give: maps [n, columns] to [n].

    Each layer adds to a grain's channels those of its neighbours, shifted by a linear function of the boundary's
    features and rectified, and applies a perceptron of two layers to the sum.

    hidden   channels of each layer
    dropout  fraction of the channels dropped after each layer in training
    """

    SELF_LOOPS = False

    def __init__(self, columns: int, edge_columns: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.first = nn.Linear(columns, hidden)
        self.layers = nn.ModuleList(
            GINEConv(
                nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden)),
                train_eps=True,
                edge_dim=edge_columns,
            )
            for _ in range(LAYERS)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(LAYERS))
        self.last = nn.Linear(hidden * (LAYERS + 1), 1)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor, edge_attr: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        channels = [x]
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = dropout(relu(norm(layer(x, edge_index, edge_attr))), self.dropout, self.training)
            channels.append(x)
        return self.last(torch.cat(channels, dim=1))[:, 0]


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
