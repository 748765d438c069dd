"""Propagation against dense matrix powers and against PyTorch Geometric."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.nn import SGConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graincast.features.table import assemble
from graincast.models import sgc_propagation
from tests.tables import feature_table, table_parts

STEPS = [3, 0, 1, 4]


def test_adjacency_equals_that_of_gcn_norm():
    table = feature_table(8)
    edges, weight = gcn_norm(torch.from_numpy(table.flat_edges.T.copy()), num_nodes=len(table.x), dtype=torch.float64)
    dense = np.zeros((len(table.x),) * 2)
    np.add.at(dense, (edges[1].numpy(), edges[0].numpy()), weight.numpy())
    np.testing.assert_allclose(sgc_propagation.adjacency(table).toarray(), dense, rtol=0, atol=1e-15)


def test_propagation_equals_dense_matrix_powers_of_each_graph():
    graphs = table_parts(6)
    z, s = sgc_propagation.propagated(assemble(["c0", "c1", "c2"], graphs), STEPS)
    assert z.shape == (len(STEPS), 6, 3)
    assert s.shape == (len(STEPS), 6)
    for i, graph in enumerate(graphs):
        a = np.eye(len(graph["x"]))
        a[graph["edges"][:, 0], graph["edges"][:, 1]] = 1
        root = np.diag(a.sum(axis=1) ** -0.5)
        for k, propagation_steps in enumerate(STEPS):
            power = np.linalg.matrix_power(root @ a @ root, propagation_steps)[graph["candidate"].argmax()]
            np.testing.assert_allclose(z[k, i], power @ graph["x"], rtol=1e-12)
            np.testing.assert_allclose(s[k, i], power.sum(), rtol=1e-12)


@pytest.mark.parametrize("propagation_steps", [1, 2, 3])
def test_propagation_equals_that_of_sgconv(propagation_steps):
    table = feature_table(8)
    convolution = SGConv(3, 3, K=propagation_steps, bias=False).double()
    torch.nn.init.eye_(convolution.lin.weight)
    with torch.no_grad():
        expected = convolution(torch.from_numpy(table.x), torch.from_numpy(table.flat_edges.T.copy()))
    z, _ = sgc_propagation.propagated(table, [propagation_steps])
    np.testing.assert_allclose(z[0], expected.numpy()[table.candidate_index], rtol=1e-12)


def test_normalising_after_propagation_equals_normalising_before():
    table = feature_table(8)
    mean, std = sgc_propagation.moments(table, np.ones(8, bool))
    before, _ = sgc_propagation.propagated(replace(table, x=(table.x - mean) / std), [2])
    z, s = sgc_propagation.propagated(table, [2])
    np.testing.assert_allclose((z - s[..., None] * mean) / std, before, rtol=0, atol=1e-12)


def test_moments_are_over_all_grains_of_the_chosen_microstructures():
    graphs = table_parts(7)
    chosen = np.array([1, 0, 0, 1, 1, 0, 1], bool)
    mean, std = sgc_propagation.moments(assemble(["c0", "c1", "c2"], graphs), chosen)
    x = np.concatenate([graph["x"] for graph, is_chosen in zip(graphs, chosen, strict=True) if is_chosen])
    np.testing.assert_allclose(mean, x.mean(axis=0))
    np.testing.assert_allclose(std, x.std(axis=0))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3])
def test_a_constant_feature_gets_a_standard_deviation_of_one(value):
    table = feature_table(9)
    table.x[:, 1] = value
    mean, std = sgc_propagation.moments(table, np.ones(9, bool))
    assert mean[1] == pytest.approx(value)
    assert std[1] == 1
    assert (std[[0, 2]] != 1).all()
