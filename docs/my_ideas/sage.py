"""GraphSAGE (Hamilton et al. 2017, arXiv 1706.02216): each grain sees the mean of its neighbours."""

import functools
import itertools

import torch
from torch_geometric.nn import SAGEConv

from graincast.models import graph_network


class Network(graph_network.Network):
    """Layers of mean aggregation, then a linear layer: maps [n, columns] to [n].

    hidden  channels of each layer
    layers  number of layers
    """

    SELF_LOOPS = False

    def __init__(self, columns: int, edge_columns: int, hidden: int, layers: int) -> None:
        super().__init__()
        sizes = [columns, *[hidden] * layers]
        self.layers = torch.nn.ModuleList(SAGEConv(*pair) for pair in itertools.pairwise(sizes))
        self.last = torch.nn.Linear(hidden, 1)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor, edge_attr: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x, edge_index))
        return self.last(x)[:, 0]


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
