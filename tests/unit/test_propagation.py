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

HOPS = [3, 0, 1, 4]


def test_adjacency_is_that_of_gcn_norm():
    one = feature_table(8)
    edges, weight = gcn_norm(torch.from_numpy(one.flat_edges.T.copy()), num_nodes=len(one.x), dtype=torch.float64)
    dense = np.zeros((len(one.x),) * 2)
    np.add.at(dense, (edges[1].numpy(), edges[0].numpy()), weight.numpy())
    np.testing.assert_allclose(sgc_propagation.adjacency(one).toarray(), dense, rtol=0, atol=1e-15)


def test_propagated_features_are_dense_matrix_powers_of_each_graph():
    made = table_parts(6)
    z, s = sgc_propagation.propagated(assemble(["c0", "c1", "c2"], made), HOPS)
    assert z.shape == (len(HOPS), 6, 3)
    assert s.shape == (len(HOPS), 6)
    for i, part in enumerate(made):
        a = np.eye(len(part["x"]))
        a[part["edges"][:, 0], part["edges"][:, 1]] = 1
        root = np.diag(a.sum(axis=1) ** -0.5)
        for k, propagation_steps in enumerate(HOPS):
            power = np.linalg.matrix_power(root @ a @ root, propagation_steps)[part["candidate"].argmax()]
            np.testing.assert_allclose(z[k, i], power @ part["x"], rtol=1e-12)
            np.testing.assert_allclose(s[k, i], power.sum(), rtol=1e-12)


@pytest.mark.parametrize("propagation_steps", [1, 2, 3])
def test_propagated_features_are_those_of_sgconv(propagation_steps):
    one = feature_table(8)
    convolution = SGConv(3, 3, K=propagation_steps, bias=False).double()
    torch.nn.init.eye_(convolution.lin.weight)
    with torch.no_grad():
        expected = convolution(torch.from_numpy(one.x), torch.from_numpy(one.flat_edges.T.copy()))
    z, _ = sgc_propagation.propagated(one, [propagation_steps])
    np.testing.assert_allclose(z[0], expected.numpy()[one.candidate_index], rtol=1e-12)


def test_normalising_afterwards_is_normalising_before():
    one = feature_table(8)
    mean, std = sgc_propagation.moments(one, np.ones(8, bool))
    before, _ = sgc_propagation.propagated(replace(one, x=(one.x - mean) / std), [2])
    z, s = sgc_propagation.propagated(one, [2])
    np.testing.assert_allclose((z - s[..., None] * mean) / std, before, rtol=0, atol=1e-12)


def test_moments_are_over_all_grains_of_the_chosen_microstructures_alone():
    made = table_parts(7)
    chosen = np.array([1, 0, 0, 1, 1, 0, 1], bool)
    mean, std = sgc_propagation.moments(assemble(["c0", "c1", "c2"], made), chosen)
    x = np.concatenate([part["x"] for part, own in zip(made, chosen, strict=True) if own])
    np.testing.assert_allclose(mean, x.mean(axis=0))
    np.testing.assert_allclose(std, x.std(axis=0))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e9 / 3])
def test_a_constant_feature_gets_a_standard_deviation_of_one(value):
    one = feature_table(9)
    one.x[:, 1] = value
    mean, std = sgc_propagation.moments(one, np.ones(9, bool))
    assert mean[1] == pytest.approx(value)
    assert std[1] == 1
    assert (std[[0, 2]] != 1).all()
