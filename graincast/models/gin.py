"""Graph isomorphism network with edge features (Hu et al. 2020, arXiv 1905.12265): three layers."""

import functools

import torch
from torch import nn
from torch.nn.functional import relu
from torch_geometric.nn import GINEConv

from graincast.models import graph_network
from graincast.models.graph_network import WHOLE, Seen


class Network(graph_network.Network):
    """Isomorphism layers, then a linear layer: maps [n, columns] to [n].

    A layer sums, over a grain's neighbours, their channels plus a linear function of the boundary's features,
    rectified; adds 1 + ε times the grain's own channels, ε learned; and applies a perceptron with one hidden layer.

    hidden   channels of each layer
    dropout  fraction of the channels dropped after each layer in training
    Without normalisation of channels: it would hide how large a grain's neighbourhood is.
    """

    SELF_LOOPS, LAYERS = False, 3

    def __init__(self, columns: int, edge_columns: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(columns, hidden)
        self.layers = nn.ModuleList(
            GINEConv(
                nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden)),
                train_eps=True,
                edge_dim=edge_columns,
            )
            for _ in range(self.LAYERS)
        )
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(hidden, 1)

    def forward(
        self, x: torch.Tensor, edge_index: torch.Tensor, edge_attr: torch.Tensor, seen: Seen = WHOLE
    ) -> torch.Tensor:
        x = relu(self.first(x))
        for layer, (nodes, edges) in zip(self.layers, seen, strict=False):
            x = self.dropout(relu(layer(x, edge_index[:, :edges], edge_attr[:edges])[:nodes]))
        return self.last(x)[:, 0]


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
