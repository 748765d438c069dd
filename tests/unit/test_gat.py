"""Graph attention: its layers are those of PyTorch Geometric."""

import numpy as np
import torch
from torch_geometric.nn import GATConv

from graincast.models import gat
from graincast.training import graph_batches
from graincast.training.generators import seeded
from tests.tables import feature_table


def test_layers_equal_those_of_torch_geometric_with_its_self_loops():
    """The first layer as usually written: GATConv itself adds self-loops with mean edge features."""
    table = feature_table(40)
    with seeded(1):
        network = gat.Network(3, 1, hidden=4, heads=2, dropout=0.2, attention_dropout=0.1, residual=True).eval()
        layer = GATConv(3, 4, 2, edge_dim=1, residual=True)
    layer.load_state_dict(network.layers[0].state_dict())
    x, edge_x = (torch.from_numpy(values.astype(np.float32)) for values in (table.x, table.edge_x))
    batch = graph_batches.with_self_loops(graph_batches.of_table(table)).batch(torch.arange(40))
    found = network.layers[0](batch.x, batch.edge_index, batch.edge_attr)
    torch.testing.assert_close(found, layer(x, torch.from_numpy(table.flat_edges.T.copy()), edge_x))
