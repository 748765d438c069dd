"""Graph attention network (Velickovic et al. 2018, arXiv 1710.10903): three layers that also use edge features."""

import functools

import torch
from torch.nn.functional import elu
from torch_geometric.nn import GATConv

from graincast.models import graph_network
from graincast.models.graph_network import WHOLE, Seen


class Network(graph_network.Network):
    """Attention layers with exponential linear units, then a linear layer: maps [n, columns] to [n].

    hidden             channels of each head; heads are concatenated
    dropout            fraction of the channels dropped after each layer in training
    attention_dropout  fraction of the neighbours dropped in training
    residual           whether each layer adds a linear function of the grain's own features: this kind of attention
                       ranks neighbours alike for every grain and cannot single out the grain itself, so without it
                       normal growth is not learned; with little data it overfits sooner
    """

    SELF_LOOPS, LAYERS = True, 3

    def __init__(
        self,
        columns: int,
        edge_columns: int,
        hidden: int,
        heads: int,
        dropout: float,
        attention_dropout: float,
        residual: bool,
    ) -> None:
        super().__init__()
        self.dropout = torch.nn.Dropout(dropout)
        self.layers = torch.nn.ModuleList(
            GATConv(
                columns if layer == 0 else hidden * heads,
                hidden,
                heads,
                edge_dim=edge_columns,
                dropout=attention_dropout,
                add_self_loops=False,
                residual=residual,
            )
            for layer in range(self.LAYERS)
        )
        self.last = torch.nn.Linear(hidden * heads, 1)

    def forward(
        self, x: torch.Tensor, edge_index: torch.Tensor, edge_attr: torch.Tensor, seen: Seen = WHOLE
    ) -> torch.Tensor:
        for layer, (nodes, edges) in zip(self.layers, seen, strict=False):
            x = self.dropout(elu(layer(x, edge_index[:, :edges], edge_attr[:edges])[:nodes]))
        return self.last(x)[:, 0]


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
