"""Graph isomorphism network with edge features (Hu et al. 2020, arXiv 1905.12265): three layers."""

import functools

import torch
from torch import nn
from torch.nn.functional import relu
from torch_geometric.nn import GINEConv

from graincast.models import graph_network

LAYERS = 3


class Network(graph_network.Network):
    """Isomorphism layers, then a linear layer on the channels of all layers: maps [n, columns] to [n].

    A layer sums, over a grain's neighbours, their channels plus a linear function of the boundary's features,
    rectified; adds 1 + ε times the grain's own channels, ε learned; and applies a perceptron with one hidden layer.
    The sum grows with the number of neighbours, so each layer's channels are normalised per grain: unlike batch
    normalisation, this makes no grain's prediction depend on other graphs.

    hidden   channels of each layer
    dropout  fraction of the channels dropped after each layer in training
    """

    SELF_LOOPS = False

    def __init__(self, columns: int, edge_columns: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
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
            x = self.dropout(relu(norm(layer(x, edge_index, edge_attr))))
            channels.append(x)
        return self.last(torch.cat(channels, dim=1))[:, 0]


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
