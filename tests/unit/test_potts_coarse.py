"""Growth on coarsened maps: labels by majority, areas that are conserved, growth as on the map itself."""

import numpy as np
import pytest

from graincast.graphs.from_labels import from_labels
from graincast.potts import coarse, protocol
from graincast.potts.coarse import coarsened

BOTH = (True, True)


@pytest.fixture(scope="module")
def state():
    """A simulated map of about 50 grains."""
    labels = protocol.initialise(48, temperature=0.9, time=20, quench_temperature=0.1, quench_time=3, seed=1)
    return from_labels("state", labels, BOTH)


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


def test_a_run_at_factor_one_is_that_of_the_map(state):
    types = protocol.assign_types(state.labels, 0.4, seed=1)
    options = {"temperature": 0.9, "record_times": np.array([0.0, 20.0, 200.0]), "seed": 3}
    found, expected = coarse.grow(state.labels, types, 1, **options), protocol.grow(state.labels, types, **options)
    assert np.array_equal(found.times, expected.times) and np.array_equal(found.labels, expected.labels)
    assert np.array_equal(coarse.areas_of_map(found, state.labels), expected.areas)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_areas_start_as_those_of_the_map_and_add_up_to_it(state, factor):
    types = protocol.assign_types(state.labels, 0.4, seed=1)
    times = np.array([0.0, 500.0, 5_000.0])
    grown = coarse.grow(state.labels, types, factor, temperature=0.9, record_times=times, seed=3)
    areas = coarse.areas_of_map(grown, state.labels)
    assert areas[0].tolist() == np.bincount(state.labels.ravel()).tolist()
    assert (areas.sum(axis=1) == state.labels.size).all()
    assert np.count_nonzero(areas[2]) < np.count_nonzero(areas[0])
    assert grown.times[0] == 0 and grown.times[2] == pytest.approx(5_000, rel=0.05)


def test_sites_of_no_grain_have_no_area(state):
    labels = np.where(state.labels == 1, 0, state.labels)
    types = protocol.assign_types(state.labels, 0.4, seed=1)
    grown = coarse.grow(labels, types, 2, temperature=0.9, record_times=np.array([0.0, 500.0]), seed=3)
    areas = coarse.areas_of_map(grown, labels)
    assert not areas[:, :2].any() and (areas.sum(axis=1) <= np.count_nonzero(labels) + 8).all()


def test_grains_coarsen_as_they_do_on_the_map_itself():
    """Normal growth, over several runs: times that were not scaled would leave four times as many grains, or few."""
    labels = protocol.initialise(128, temperature=0.9, time=60, quench_temperature=0.1, quench_time=3, seed=5)
    types = np.ones(labels.max() + 1, np.int8)
    options = {"temperature": 0.9, "record_times": np.array([0.0, 400.0]), "uniform_mobility": True}
    left = {
        factor: np.mean(
            [np.count_nonzero(coarse.grow(labels, types, factor, seed=s, **options).areas[1]) for s in range(6)]
        )
        for factor in (1, 2)
    }
    assert left[2] == pytest.approx(left[1], rel=0.25)
