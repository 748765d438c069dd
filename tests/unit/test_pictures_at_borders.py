"""Patches and pictures of a map with ends show nothing of the other end."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from graincast.encoders import patches
from graincast.figures.microstructure import rgb
from graincast.graphs.boundaries import adjacency
from graincast.graphs.palette import GREY, NO_GRAIN_GREY, PATCH_GREY, PATCH_RAISED
from graincast.vision.images import of_microstructure, whole_image
from tests.tables import microstructure

AXES = list(itertools.product([False, True], repeat=2))
ENDS = (False, False)


def image(seed=0, shape=(30, 44), n=14):
    """Voronoi grains without period, and types."""
    rng = np.random.default_rng(seed)
    sites = np.argwhere(np.ones(shape))[:, None]
    nearest = ((sites - rng.uniform(0, shape, (n, 2))) ** 2).sum(axis=-1).argmin(axis=1)
    labels = (np.unique(nearest, return_inverse=True)[1].reshape(shape) + 1).astype(np.int32)
    return labels, rng.integers(0, 3, labels.max()).astype(np.int8)


def windows(mask, centre, window):
    """Windows of an image with empty sites around it, their middles near a centre: [windows, window, window]."""
    wide = np.pad(mask, window + 8)
    rows, columns = (round(middle) + 8 + window - window // 2 for middle in centre)
    near = range(-4, 5)
    return np.array([wide[rows + r :, columns + c :][:window, :window] for r in near for c in near])


@pytest.mark.parametrize("window", [8, 24, 64, 120])
def test_patches_are_windows_of_the_map_among_empty_sites(window):
    labels, types = image()
    pairs, _ = patches.undirected(adjacency(labels, types.size, ENDS)[0])
    for node, patch in enumerate(patches.grains(labels, types, periodic=ENDS, window=window)):
        mask = np.where(labels == node + 1, PATCH_GREY[types[node]], 0)
        centre = np.argwhere(mask).mean(axis=0)
        assert (windows(mask, centre, window) == patch).all(axis=(1, 2)).any()
    for pair, patch in zip(pairs, patches.boundaries(labels, types, pairs, periodic=ENDS, window=window), strict=True):
        mask = np.zeros(labels.shape, int)
        sites = [np.pad(labels == node + 1, 1) for node in pair]
        for one, other, node in ((*sites, pair[0]), (*sites[::-1], pair[1])):
            beside = np.any([np.roll(other, (r, c), (0, 1)) for r in (-1, 0, 1) for c in (-1, 0, 1)], axis=0)
            mask += (one * PATCH_GREY[types[node]] + (one & beside) * PATCH_RAISED)[1:-1, 1:-1]
        raised = np.isin(mask, [level + PATCH_RAISED for level in PATCH_GREY.values()])
        assert (windows(mask, np.argwhere(raised).mean(axis=0), window) == patch).all(axis=(1, 2)).any()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_period_of_one_axis_moves_patches_with_their_grains(axis):
    labels, types = image()
    periodic = (axis == 0, axis == 1)
    pairs, _ = patches.undirected(adjacency(labels, types.size, periodic)[0])
    moved = np.roll(labels, 17, axis)
    for window in (24, 120):
        for cut in (patches.grains, lambda *of, **more: patches.boundaries(*of, pairs, **more)):
            # a grain that spans the axis may be cut at another place
            same = (
                cut(labels, types, periodic=periodic, window=window)
                == cut(moved, types, periodic=periodic, window=window)
            ).all(axis=(1, 2))
            assert same.mean() > 0.9


def test_a_patch_at_the_end_is_empty_beyond_it():
    labels = np.ones((40, 40), np.int32)
    labels[:, -3:] = 2
    labels[10:14, :4] = 3
    types = np.array([0, 1, 2], np.int8)
    patch = patches.grains(labels, types, periodic=ENDS, window=16)[2]
    assert (patch > 0).sum() == 16
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    touching = patches.boundaries(labels, types, pairs, periodic=ENDS, window=16)
    assert touching[2].max() == 0  # grains 2 and 3 would meet across a period
    assert patches.boundaries(labels, types, pairs, periodic=(True, True), window=16)[2].max() > 0


def test_a_patch_does_not_change_with_what_lies_at_the_other_end():
    labels, types = image()
    other = labels.copy()
    other[:, -5:] = labels.max()
    here = np.setdiff1d(labels[:, :8], labels[:, -16:]) - 1
    assert here.size
    before, after = (patches.grains(one, types, periodic=ENDS, window=48)[here] for one in (labels, other))
    np.testing.assert_array_equal(before, after)


def candidate_in_the_corner(periodic):
    """A blue map with one candidate of 3 x 5 sites at the upper right, and red ones at the lower left."""
    labels = np.ones((20, 20), np.int32)
    labels[:3, -5:] = 2
    labels[-3:, :5] = 3
    one = microstructure("a", 1)
    types = np.array([1, 0, 2], np.int8)
    return replace(one, labels=labels, grain_type=types, candidate=types == 0, periodic=periodic)


@pytest.mark.parametrize("periodic", AXES)
def test_pictures_show_no_grain_of_the_other_end(periodic):
    one = candidate_in_the_corner(periodic)
    grey = whole_image(one)
    assert (grey == GREY[0]).sum() > 0
    rows, columns = np.nonzero(grey == GREY[0])
    assert abs((rows.min() + rows.max()) / 2 - 10) <= 1
    assert abs((columns.min() + columns.max()) / 2 - 10) <= 1
    empty = grey == NO_GRAIN_GREY
    assert empty[:8].all() == (not periodic[0])
    assert empty[:, 13:].all() == (not periodic[1])
    assert (grey == GREY[2]).any() == all(periodic)
    drawn = rgb(one)
    background = drawn[0, -1] if not all(periodic) else None
    assert drawn.shape == (20, 20, 3)
    if background is not None and not any(periodic):
        np.testing.assert_array_equal((drawn == background).all(axis=2)[:8], True)


def test_a_crop_of_a_map_with_ends_is_the_middle_of_its_picture():
    one = candidate_in_the_corner(ENDS)
    np.testing.assert_array_equal(of_microstructure(one, crop=10, size=10), whole_image(one)[5:15, 5:15])
