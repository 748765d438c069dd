"""Graph attention network (Velickovic et al. 2018, arXiv 1710.10903): three layers that also use edge features."""

import functools
from typing import Any

from torch.nn.functional import elu
from torch_geometric.nn import GATConv, MessagePassing

from graincast.models import graph_network, message_layers


class Network(message_layers.Network):
    """Attention layers with exponential linear units, then a linear layer: maps [n, columns] to [n].

    hidden             channels of each head; heads are concatenated
    attention_dropout  fraction of the neighbours dropped in training
    residual           whether each layer adds a linear function of the grain's own features: this kind of attention
                       ranks neighbours alike for every grain and cannot single out the grain itself, so without it
                       normal growth is not learned; with little data it overfits sooner
    options            those of message_layers.Network
    """

    SELF_LOOPS, LAYERS = True, 3
    LAYER: type[MessagePassing] = GATConv

    def __init__(
        self,
        columns: int,
        edge_columns: int,
        hidden: int,
        heads: int,
        attention_dropout: float,
        residual: bool,
        **options: Any,
    ) -> None:
        layers = (
            self.LAYER(
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
        super().__init__(layers, hidden * heads, elu, **options)


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
