"""Graph attention in which each grain ranks its neighbours by itself (GATv2, Brody et al. 2022, arXiv 2105.14491)."""

import functools

from torch_geometric.nn import GATv2Conv

from graincast.models import gat, graph_network


class Network(gat.Network):
    """That of gat.py with the other attention, which also sees the grain itself."""

    LAYER = GATv2Conv


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
