"""Batches of graphs, against torch_geometric's."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.utils import add_self_loops

from graincast.features.table import assemble
from graincast.training import graph_batches
from tests.tables import feature_table, table_parts


@pytest.fixture(scope="module")
def table():
    lone = {
        "name": "lone",  # a graph of one grain, without edges
        "x": np.ones((1, 3)),
        "candidate": np.ones(1, bool),
        "edges": np.zeros((0, 2), np.int32),
        "edge_x": np.zeros((0, 1)),
        "growth_ratio": np.ones((1, 1)),
    }
    return assemble(["c0", "c1", "c2"], [*table_parts(12), lone])


@pytest.fixture(scope="module")
def y(table):
    return np.random.default_rng(1).normal(size=len(table.x))


@pytest.fixture(scope="module")
def single_graphs(table, y):
    """Each graph of the table as torch_geometric's Data."""
    graphs = []
    for i in range(len(table.name)):
        node, edge = slice(*table.node_ptr[i : i + 2]), slice(*table.edge_ptr[i : i + 2])
        graphs.append(
            Data(
                x=torch.tensor(table.x[node], dtype=torch.float32),
                edge_index=torch.tensor(table.edges[edge].T, dtype=torch.long),
                edge_attr=torch.tensor(table.edge_x[edge], dtype=torch.float32),
                y=torch.tensor(y[node], dtype=torch.float32),
                mask=torch.tensor(table.candidate[node]),
            )
        )
    return graphs


@pytest.mark.parametrize("numbers", [[3], [0, 1, 2], [12], [9, 2, 12, 5, 0], [4, 4], list(range(13)), []])
def test_a_batch_equals_that_of_torch_geometric(table, y, single_graphs, numbers):
    batch = graph_batches.of_table(table, y=y).batch(torch.tensor(numbers, dtype=torch.long))
    if not numbers:
        assert batch.x.shape == (0, 3) and batch.edge_index.shape == (2, 0) and batch.candidate.shape == (0,)
        return
    expected = Batch.from_data_list([single_graphs[i] for i in numbers])
    for key in ("x", "edge_index", "edge_attr", "y"):
        ours, theirs = getattr(batch, key), getattr(expected, key)
        assert ours.dtype == theirs.dtype and torch.equal(ours, theirs), key
    assert torch.equal(batch.graph, expected.batch)
    assert torch.equal(batch.candidate, expected.mask.nonzero()[:, 0])


def test_self_loops_equal_those_of_torch_geometric(table, single_graphs):
    numbers = torch.tensor([12, 7, 1])
    batch = graph_batches.with_self_loops(graph_batches.of_table(table)).batch(numbers)
    plain = Batch.from_data_list([single_graphs[i] for i in numbers.tolist()])
    index, attr = add_self_loops(plain.edge_index, plain.edge_attr, fill_value="mean", num_nodes=len(plain.x))
    order = (index[1] * len(plain.x) + index[0]).argsort()
    ours = (batch.edge_index[1] * len(batch.x) + batch.edge_index[0]).argsort()
    assert torch.equal(batch.edge_index[:, ours], index[:, order])
    torch.testing.assert_close(batch.edge_attr[ours], attr[order])
    assert (batch.edge_index[1].diff() >= 0).all()


def test_features_of_the_table_can_be_replaced(table):
    graphs = graph_batches.of_table(table, x=table.x[:, :2] * 2, edge_x=np.hstack([table.edge_x] * 3))
    batch = graphs.batch(torch.tensor([1]))
    np.testing.assert_allclose(batch.x, 2 * table.x[slice(*table.node_ptr[1:3]), :2], rtol=1e-6)
    assert batch.edge_attr.shape[1] == 3 and batch.y.isnan().all()


def test_no_edge_joins_two_graphs_of_a_batch():
    graphs = graph_batches.of_table(feature_table(20))
    batch = graphs.batch(torch.randperm(20, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(batch.graph[batch.edge_index[0]], batch.graph[batch.edge_index[1]])
    assert torch.equal(batch.graph[batch.candidate], torch.arange(20))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_what_candidates_see_is_cut_by_one_hop_per_layer(table, y, layers):
    """Sums over neighbours, layer by layer: at the candidates they are those of the whole graphs."""
    whole = graph_batches.of_table(table, y=y)
    numbers = torch.tensor([9, 2, 12, 5, 0])
    all_of, batch = whole.batch(numbers), graph_batches.seen_by_candidates(whole, layers).batch(numbers)
    assert torch.equal(batch.y[batch.candidate], all_of.y[all_of.candidate])
    assert len(batch.seen) == layers and batch.seen[-1][0] == len(numbers)
    x, cut = all_of.x, batch.x
    for nodes, edges in batch.seen:
        x = x.index_add(0, all_of.edge_index[1], x[all_of.edge_index[0]] * all_of.edge_attr)
        source, target = batch.edge_index[:, :edges]
        assert target.max() < nodes and source.max() < len(cut)
        cut = cut.index_add(0, target, cut[source] * batch.edge_attr[:edges])[:nodes]
    torch.testing.assert_close(cut[batch.candidate], x[all_of.candidate])
