"""Clusters are connected sites of one value, as SciPy labels them, and are followed by overlap."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from graincast.graphs.axes import padded
from graincast.graphs.clusters import clusters, followed

RNG = np.random.default_rng(0)
AXES = list(itertools.product([False, True], repeat=2))


def same_partition(a, b):
    """Whether two label images differ in numbers alone."""
    pairs = np.unique(np.stack([a.ravel(), b.ravel()]), axis=1)
    return len(pairs[0]) == len(np.unique(a)) == len(np.unique(b))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (2, 2), (2, 9), (9, 13), (30, 20)])
@pytest.mark.parametrize("spins", [2, 4, 30])
def test_they_are_those_of_scipy(shape, spins):
    values = RNG.integers(0, spins, shape)
    expected, count = np.zeros(shape, int), 0
    for value in range(1, spins):
        labels, found = ndimage.label(values == value, np.ones((3, 3)))
        expected[labels > 0] = labels[labels > 0] + count
        count += found
    found = clusters(values, (False, False))
    assert same_partition(found, expected)
    assert found.max() == count
    first = [np.flatnonzero(found == label)[0] for label in range(1, count + 1)]
    assert first == sorted(first)


@pytest.mark.parametrize("periodic", AXES)
def test_across_the_border_they_are_those_of_copies_side_by_side(periodic):
    values = RNG.integers(1, 5, (8, 11))
    found = clusters(values, periodic)
    tiled = clusters(np.tile(values, [3 if wraps else 1 for wraps in periodic]), (False, False))
    middle = tuple(slice(n, 2 * n) if wraps else slice(None) for n, wraps in zip(values.shape, periodic, strict=True))
    # sites of one cluster on the lattice are of one cluster in some copies, so the middle copy never joins more
    pairs = np.unique(np.stack([tiled[middle].ravel(), found.ravel()]), axis=1)
    assert len(np.unique(pairs[0])) == pairs.shape[1]
    roll = [int(RNG.integers(n)) if wraps else 0 for n, wraps in zip(values.shape, periodic, strict=True)]
    assert same_partition(np.roll(found, roll, (0, 1)), clusters(np.roll(values, roll, (0, 1)), periodic))


def test_a_border_without_period_is_a_margin_of_no_grain():
    values = RNG.integers(1, 4, (6, 9))
    for periodic in AXES:
        wide = clusters(padded(values, periodic, 1))[:6, :9]
        assert same_partition(clusters(values, periodic), wide)


def test_they_are_followed_where_they_move_and_go():
    before = np.array([[1, 1, 0, 0, 2, 2, 1]])
    after = np.array([[1, 1, 1, 2, 2, 0, 3]])
    grains = clusters(before, (False, False))
    found, reason = followed(grains, before, after, clusters(after, (False, False)))
    assert (found.tolist(), reason) == ([[1, 1, 1, 2, 2, 0, 0]], "")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1, 1, 1, 2, 2], [1, 3, 1, 2, 2], "grain 1 has split"),
        ([1, 2, 1, 3, 3], [1, 1, 1, 3, 3], "grains 1 and 3 have merged"),
        ([1, 2, 2, 3, 2], [2, 2, 2, 3, 3], ""),
    ],
)
def test_those_that_split_or_merge_are_named(before, after, expected):
    before, after = np.array([before]), np.array([after])
    _, reason = followed(clusters(before, (False, False)), before, after, clusters(after, (False, False)))
    assert reason == expected
