"""Coarse growth: labels by majority, and features that are the simulator's own growth."""

import math
from dataclasses import replace

import numpy as np
import pytest

from graincast.features import coarse_growth, named
from graincast.features.coarse_growth import coarsened
from graincast.features.feature import Measured
from graincast.features.nodes import NODE_FEATURES
from graincast.graphs.from_labels import from_labels
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import CANDIDATE
from graincast.potts import protocol

BOTH = (True, True)


@pytest.fixture(scope="module")
def state():
    """A simulated map of about 50 grains, the largest its candidate."""
    labels = protocol.initialise(48, temperature=0.9, time=20, quench_temperature=0.1, quench_time=3, seed=1)
    grain_type = protocol.assign_types(labels, 0.4, seed=1)[1:]
    return replace(from_labels("state", labels, BOTH), grain_type=grain_type, candidate=grain_type == CANDIDATE)


def test_a_factor_of_one_changes_nothing(state):
    assert np.array_equal(coarsened(state.labels, 1, BOTH), state.labels)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_blocks_of_one_label_give_the_map_they_were_made_from(state, factor):
    fine = np.kron(state.labels, np.ones((factor, factor), state.labels.dtype))
    assert np.array_equal(coarsened(fine, factor, BOTH), state.labels)


def test_each_block_has_the_lowest_of_its_most_frequent_labels():
    labels = np.random.default_rng(0).integers(0, 4, (30, 36))
    found = coarsened(labels, 6, BOTH)
    blocks = labels.reshape(5, 6, 6, 6).swapaxes(1, 2).reshape(5, 6, 36)
    expected = [[np.bincount(block).argmax() for block in row] for row in blocks]
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("shape", "factor", "periodic", "expected"),
    [
        ((50, 33), 4, BOTH, (12, 8)),
        ((5, 40), 9, BOTH, (3, 4)),
        ((5, 40), 9, (False, True), (1, 4)),
        ((2, 40), 3, (False, False), (1, 13)),
    ],
)
def test_a_coarse_map_keeps_its_proportions_and_never_gets_too_small(shape, factor, periodic, expected):
    labels = np.random.default_rng(0).integers(0, 4, shape)
    assert coarsened(labels, factor, periodic).shape == expected


@pytest.mark.parametrize("duration", [None, 9_000.0])
def test_the_features_are_the_simulators_growth_ratios(state, monkeypatch, duration):
    monkeypatch.setattr(coarse_growth, "GRAIN", state.mean_area)  # nothing is coarsened
    monkeypatch.setattr(coarse_growth, "RUNS", 2)
    if duration is None:
        duration = 6_700 * state.mean_area
    else:
        state = replace(state, runs=["1"], times=[np.array([0.0, duration])], areas=[np.stack([state.area] * 2)])
    found = named.measured(NODE_FEATURES, list(coarse_growth.COARSE_FEATURES), Measured(state), state.grain_id.size)
    types = np.concatenate([[0], state.grain_type]).astype(np.int8)
    times = np.array([0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2]) * duration
    grown = [protocol.grow(state.labels, types, temperature=0.9, record_times=times, seed=s) for s in (0, 1)]
    areas = np.array([one.areas[:, state.candidate_index + 1] for one in grown])
    expected = np.log((areas[:, 1:] / areas[:, :1]).mean(axis=0) + 0.05)
    np.testing.assert_allclose(found[state.candidate_index], expected, rtol=1e-12)
    assert not np.delete(found, state.candidate_index, axis=0).any()


def test_finer_maps_of_the_same_grains_have_the_same_features(state, monkeypatch):
    """As lengths, areas and times are relative to the mean grain."""
    monkeypatch.setattr(coarse_growth, "GRAIN", state.mean_area)
    fine, finer = (
        replace(state, labels=np.kron(state.labels, np.ones((factor, factor), state.labels.dtype))) for factor in (2, 4)
    )
    np.testing.assert_array_equal(coarse_growth.growth(Measured(fine)), coarse_growth.growth(Measured(finer)))


def test_a_cut_graph_and_one_whose_candidate_is_lost_have_features_too(state):
    cut = k_hop_subgraph(state, 1)
    assert np.isfinite(coarse_growth.growth(Measured(cut))).all()
    small = state.area.argmin()
    lost = replace(state, candidate=np.arange(state.grain_id.size) == small, map_mean_area=37.0 * 16**2)
    grains = coarsened(lost.labels, 16, BOTH)
    assert not (grains == small + 1).any()
    assert coarse_growth.growth(Measured(lost)) == pytest.approx([math.log(0.05)] * 5)
