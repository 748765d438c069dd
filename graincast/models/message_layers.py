"""A network of message-passing layers with equal numbers of channels, and its options.

The options keep exact what is computed for candidates alone: each grain's normalisation, the layers that a grain reads
out, and the grains that its context pools depend on nothing that is cut off.
"""

from collections.abc import Callable, Iterable

import torch
from torch import nn
from torch_geometric.nn import BatchNorm
from torch_geometric.utils import scatter

from graincast.models import graph_network
from graincast.models.graph_network import WHOLE, Seen

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "layer": nn.LayerNorm,
    # a batch of one grain is normalised by the moments of earlier ones
    "batch": lambda channels: BatchNorm(channels, allow_single_element=True),
}


class Network(graph_network.Network):
    """Layers, each followed by a normalisation, a nonlinearity and dropout; then a linear layer.

    layers      take x, edge_index and edge_attr, and return [n, channels]
    first       makes channels of the grains' features, before the first layer; the nonlinearity follows
    activation  the nonlinearity
    dropout     fraction of the channels dropped after each layer in training
    norm        of each layer: none, layer (of each grain's channels) or batch (of each channel over the grains)
    jumping     what is read out: the last layer (none), all of them side by side (concatenate), or the largest value of
                each channel over them (max) (Xu et al. 2018, arXiv 1806.03536)
    context     what is read out beside it: nothing (none), or the mean or max of each channel of the first layer over
                the grains within LAYERS - 1 hops of the candidate; needs `seen` and `graph`
    """

    def __init__(
        self,
        layers: Iterable[nn.Module],
        channels: int,
        activation: Callable[[torch.Tensor], torch.Tensor],
        dropout: float,
        first: nn.Module | None = None,
        norm: str = "none",
        jumping: str = "none",
        context: str = "none",
    ) -> None:
        super().__init__()
        self.activation, self.jumping, self.context = activation, jumping, context
        self.pools = context != "none"
        self.first = first
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(NORMS.get(norm, lambda _: nn.Identity())(channels) for _ in self.layers)
        self.dropout = nn.Dropout(dropout)
        read_out = (len(self.layers) if jumping == "concatenate" else 1) + self.pools
        self.last = nn.Linear(read_out * channels, 1)

    def forward(
        self,
        x: torch.Tensor,
        edge_index: torch.Tensor,
        edge_attr: torch.Tensor,
        seen: Seen = WHOLE,
        graph: torch.Tensor | None = None,
    ) -> torch.Tensor:
        x = x if self.first is None else self.activation(self.first(x))
        of_layers = []
        for layer, norm, (nodes, edges) in zip(self.layers, self.norms, seen, strict=False):
            x = norm(layer(x, edge_index[:, :edges], edge_attr[:edges])[:nodes])
            x = self.dropout(self.activation(x))
            of_layers.append(x)
        read_out = self._jumped([of_layer[: len(x)] for of_layer in of_layers])
        if self.pools:
            assert graph is not None and seen is not WHOLE
            pooled = scatter(of_layers[0], graph[: len(of_layers[0])], reduce=self.context)
            read_out = torch.cat([read_out, pooled[graph[: len(x)]]], dim=1)
        return self.last(read_out)[:, 0]

    def _jumped(self, of_layers: list[torch.Tensor]) -> torch.Tensor:
        if self.jumping == "concatenate":
            return torch.cat(of_layers, dim=1)
        return torch.stack(of_layers).amax(dim=0) if self.jumping == "max" else of_layers[-1]
