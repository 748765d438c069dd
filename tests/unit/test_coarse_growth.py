"""Coarse growth: labels by majority, and features that are the simulator's own growth."""

import math
from dataclasses import replace

import numpy as np
import pytest

from graincast.features import coarse_growth, named
from graincast.features.feature import Measured
from graincast.features.nodes import NODE_FEATURES
from graincast.graphs.from_labels import from_labels
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import CANDIDATE
from graincast.potts import protocol
from graincast.potts.coarse import coarsened

BOTH = (True, True)


@pytest.fixture(scope="module")
def state():
    """A simulated map of about 50 grains, the largest its candidate."""
    labels = protocol.initialise(48, temperature=0.9, time=20, quench_temperature=0.1, quench_time=3, seed=1)
    grain_type = protocol.assign_types(labels, 0.4, seed=1)[1:]
    return replace(from_labels("state", labels, BOTH), grain_type=grain_type, candidate=grain_type == CANDIDATE)


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
