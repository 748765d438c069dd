"""Graph isomorphism network with edge features (Hu et al. 2020, arXiv 1905.12265): three layers."""

import functools
from typing import Any

from torch import nn
from torch.nn.functional import relu
from torch_geometric.nn import GINEConv

from graincast.models import graph_network, message_layers


class Network(message_layers.Network):
    """Isomorphism layers, then a linear layer: maps [n, columns] to [n].

    A layer sums, over a grain's neighbours, their channels plus a linear function of the boundary's features,
    rectified; adds 1 + ε times the grain's own channels, ε learned; and applies a perceptron with one hidden layer.

    hidden   channels of each layer
    options  those of message_layers.Network; a norm hides how large a grain's neighbourhood is
    """

    SELF_LOOPS, LAYERS = False, 3

    def __init__(self, columns: int, edge_columns: int, hidden: int, **options: Any) -> None:
        first = nn.Linear(columns, hidden)
        layers = (
            GINEConv(
                nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden)),
                train_eps=True,
                edge_dim=edge_columns,
            )
            for _ in range(self.LAYERS)
        )
        super().__init__(layers, hidden, relu, first=first, **options)


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
