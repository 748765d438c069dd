"""Segmentation by misorientation against SciPy's connected components, and mean orientations against known ones."""

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.transform import Rotation

from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.graphs.orientations import misorientation, symmetries
from graincast.graphs.segmentation import mean_orientations, segmented
from tests.maps import made_labels

CUBIC, HEXAGONAL = LAUE_GROUPS.index("m-3m"), LAUE_GROUPS.index("6/mmm")


def random_equivalent(quaternion, laue, rng):
    """Equivalent quaternions of random symmetry and sign."""
    turns = symmetries(laue)
    chosen = Rotation.from_quat(turns[rng.integers(len(turns), size=len(quaternion))])
    sign = rng.choice([-1, 1], (len(quaternion), 1))
    return (chosen * Rotation.from_quat(quaternion)).as_quat() * sign


def rough_map(rng, laue, height=15, width=17, spread=8.0, grains=6):
    """Orientations of a few grains with much scatter, as equivalent quaternions at random, [height, width, 4]."""
    labels = made_labels(height, width, grains, int(rng.integers(99)))
    mean = Rotation.random(grains, random_state=rng)
    scatter = Rotation.from_rotvec(np.radians(spread) * rng.normal(size=(labels.size, 3)) / 3**0.5)
    sites = (scatter * mean[labels.ravel() - 1]).as_quat()
    return random_equivalent(sites, laue, rng).reshape(height, width, 4)


def reference(orientation, phase, laue, limit, min_size, periodic):
    """The same labels from SciPy."""
    height, width = phase.shape
    site = np.arange(phase.size).reshape(phase.shape)
    pairs = [(site[:, :-1], site[:, 1:]), (site[:-1], site[1:])]
    pairs += [(site[-1], site[0])] if periodic[0] else []
    pairs += [(site[:, -1], site[:, 0])] if periodic[1] else []
    quaternion, flat = orientation.reshape(-1, 4), phase.ravel()
    known = np.isin(flat, list(laue)) & np.isfinite(quaternion).all(axis=1)
    joined = []
    for a, b in ((a.ravel(), b.ravel()) for a, b in pairs):
        for i, j in zip(a, b, strict=True):
            if known[i] and known[j] and flat[i] == flat[j]:
                of = laue[flat[i]]
                if misorientation(quaternion[[i, j]], np.array([of, of]), 0)[1] <= limit:
                    joined.append((i, j))
    i, j = np.array(joined, int).reshape(-1, 2).T
    _, component = connected_components(coo_array((np.ones(i.size), (i, j)), (phase.size,) * 2), directed=False)
    size = np.bincount(component)
    kept = known & (size[component] >= min_size)
    labels, number = np.zeros(phase.size, int), {}
    for one in np.flatnonzero(kept):
        labels[one] = number.setdefault(component[one], len(number) + 1)
    return labels.reshape(height, width)


@pytest.mark.parametrize("periodic", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize("seed", range(4))
def test_labels_equal_those_of_connected_components(seed, periodic):
    rng = np.random.default_rng(seed)
    laue = {1: CUBIC, 4: HEXAGONAL}
    orientation = rough_map(rng, CUBIC)
    phase = np.where(np.arange(17) < 9, 1, 4) * np.ones((15, 1), int)
    phase[rng.random(phase.shape) < 0.05] = rng.choice([0, 7])
    orientation[3, 4], orientation[8, 8, 1] = np.nan, np.nan
    labels = segmented(orientation, phase, laue, 9, 4, periodic)
    np.testing.assert_array_equal(labels, reference(orientation, phase, laue, 9, 4, periodic))
    assert 1 < labels.max() < 60 and (labels == 0).any()


@pytest.mark.parametrize("laue", range(len(LAUE_GROUPS)))
def test_equivalent_orientations_are_one_grain(laue):
    rng = np.random.default_rng(laue)
    one = np.tile(Rotation.random(1, random_state=rng).as_quat(), (30, 1))
    orientation = random_equivalent(one, laue, rng).reshape(5, 6, 4)
    assert (segmented(orientation, np.ones((5, 6), int), {1: laue}, 0.01, 1) == 1).all()


def test_a_map_without_grains():
    orientation, phase = np.zeros((3, 4, 4)), np.zeros((3, 4), int)
    for laue in ({}, {0: CUBIC}, {1: CUBIC}):
        assert (segmented(orientation, phase, laue, 5, 1) == 0).all()


@pytest.mark.parametrize("name", ["m-3m", "6/mmm", "-1", "4/mmm"])
def test_mean_orientations_are_those_that_sites_scatter_about(name):
    laue, rng = LAUE_GROUPS.index(name), np.random.default_rng(3)
    labels = made_labels(40, 40, 5)
    mean = Rotation.random(5, random_state=rng)
    scatter = Rotation.from_rotvec(np.radians(3) * rng.normal(size=(labels.size, 3)))
    sites = random_equivalent((scatter * mean[labels.ravel() - 1]).as_quat(), laue, rng).reshape(40, 40, 4)
    sites[0, 0] = np.nan
    found = mean_orientations(sites, labels, np.full(6, laue))
    for i in range(5):
        pair = np.stack([mean[i].as_quat(), found[i]])
        assert misorientation(pair, np.array([laue, laue]), 0)[1] < 1
    assert np.isnan(found[5]).all()
