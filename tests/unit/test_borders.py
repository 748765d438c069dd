"""A map with ends is a part of a larger periodic one whose other sites belong to no grain."""

import itertools

import numpy as np
import pytest
from skimage.measure import regionprops

from graincast.features.regionprops import KEYS, measure
from graincast.graphs.axes import centred, on_boundary
from graincast.graphs.boundaries import adjacency
from graincast.graphs.from_labels import from_labels

AXES = list(itertools.product([False, True], repeat=2))
SHAPES = [(1, 1), (1, 6), (6, 1), (2, 2), (2, 7), (3, 3), (9, 14), (40, 25)]


def patchy(shape, colours, seed, empty=0.2):
    """Labels 1 … n in random patches, some sites in no grain, and n."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(1, colours + 1, [-(-size // 2) for size in shape])
    labels = coarse.repeat(2, 0).repeat(2, 1)[: shape[0], : shape[1]]
    labels = np.where(rng.random(shape) < empty, 0, labels)
    labels[0, 0] = max(labels[0, 0], 1)
    ids, index = np.unique(labels, return_inverse=True)
    return (index.reshape(shape) + (ids[0] > 0)).astype(np.int32), int((ids > 0).sum())


def embedded(labels, periodic, at=None, margin=3):
    """The labels in a larger image of 0, wider along each axis that is not periodic, and the slices where they lie."""
    wide = [size if wraps else 3 * size + margin for size, wraps in zip(labels.shape, periodic, strict=True)]
    first = [0 if wraps else size for size, wraps in zip(labels.shape, periodic, strict=True)] if at is None else at
    place = tuple(slice(start, start + size) for start, size in zip(first, labels.shape, strict=True))
    image = np.zeros(wide, np.int32)
    image[place] = labels
    return image, place


@pytest.mark.parametrize("periodic", AXES)
@pytest.mark.parametrize("shape", SHAPES)
def test_neighbours_are_those_within_a_margin(shape, periodic):
    for seed in range(3):
        labels, n = patchy(shape, 5, seed)
        expected = adjacency(embedded(labels, periodic)[0], n)
        for found, wanted in zip(adjacency(labels, n, periodic), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("periodic", AXES)
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_are_those_within_a_margin(shape, periodic):
    for seed in range(3):
        labels, n = patchy(shape, 5, seed)
        image, place = embedded(labels, periodic)
        found, wanted = measure(labels, n, periodic), measure(image, n)
        for key in KEYS:
            shift = dict(zip(("centroid_row", "centroid_col"), (part.start for part in place), strict=True)).get(key, 0)
            np.testing.assert_allclose(found[key], wanted[key] - shift, rtol=1e-9, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_without_period_are_those_of_scikit_image(shape):
    for seed in range(3):
        labels, n = patchy(shape, 4, seed)
        found = measure(labels, n, (False, False))
        for i, region in enumerate(regionprops(np.pad(labels, 1))):
            wanted = {
                "area": region.area,
                "perimeter": region.perimeter,
                "equivalent_diameter": region.equivalent_diameter_area,
                "centroid_row": region.centroid[0] - 1,
                "centroid_col": region.centroid[1] - 1,
            }
            for key, value in wanted.items():
                np.testing.assert_allclose(found[key][i], value, rtol=1e-9, atol=1e-9, err_msg=key)
            rows, columns = np.nonzero(labels == i + 1)
            variances = np.linalg.eigvalsh(np.cov(np.stack([rows, columns]), bias=True))
            lengths = 4 * np.sqrt(np.maximum(variances, 0))
            np.testing.assert_allclose(found["minor_axis_length"][i], lengths[0], rtol=1e-6, atol=1e-6)
            np.testing.assert_allclose(found["major_axis_length"][i], lengths[1], rtol=1e-6, atol=1e-6)


def test_pieces_at_both_ends_are_one_grain_only_across_a_period():
    """A 4 x 4 square cut by the left and right end: its width is 4 across a period, else that of the whole map."""
    labels = np.zeros((10, 20), np.int32)
    labels[3:7, :2] = labels[3:7, -2:] = 1
    joined, apart = measure(labels, 1, (False, True)), measure(labels, 1, (True, False))
    assert joined["centroid_col"][0] == pytest.approx(19.5)
    assert joined["major_axis_length"][0] == pytest.approx(joined["minor_axis_length"][0])
    assert apart["centroid_col"][0] == pytest.approx(9.5)
    assert apart["major_axis_length"][0] > 4 * apart["minor_axis_length"][0]
    assert apart["perimeter"][0] == pytest.approx(2 * measure(labels[:, :10], 1, (False, False))["perimeter"][0])


@pytest.mark.parametrize("axis", [0, 1])
def test_grains_at_both_ends_are_neighbours_only_across_a_period(axis):
    labels = np.array([[1, 1, 2, 2, 3, 3]] * 4, np.int32)
    labels = labels if axis else np.ascontiguousarray(labels.T)
    for periodic in AXES:
        edges, _ = adjacency(labels, 3, periodic)
        assert ([0, 2] in edges.tolist()) == periodic[axis]


@pytest.mark.parametrize("periodic", AXES)
def test_where_a_map_lies_within_an_empty_margin_changes_nothing(periodic):
    labels, n = patchy((12, 17), 6, 1)
    first = None
    for rows, columns in ((0, 0), (1, 5), (27, 37)):
        at = [0 if wraps else shift for wraps, shift in zip(periodic, (rows, columns), strict=True)]
        image, _ = embedded(labels, periodic, at)
        shapes = measure(image, n, periodic)
        shapes["centroid_row"], shapes["centroid_col"] = (
            shapes["centroid_row"] - at[0],
            shapes["centroid_col"] - at[1],
        )
        found = [*adjacency(image, n, periodic), *shapes.values()]
        first = found if first is None else first
        for one, other in zip(found, first, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_a_period_of_one_axis_still_wraps():
    """Rolling along the periodic axis changes no boundary and no shape; rolling along the other one does."""
    labels, n = patchy((12, 17), 6, 2, empty=0)
    for axis in (0, 1):
        periodic = (axis == 0, axis == 1)
        along, across = np.roll(labels, 5, axis), np.roll(labels, 5, 1 - axis)
        for found, wanted in zip(adjacency(along, n, periodic), adjacency(labels, n, periodic), strict=True):
            np.testing.assert_array_equal(found, wanted)
        for key in KEYS[:5]:
            np.testing.assert_allclose(measure(along, n, periodic)[key], measure(labels, n, periodic)[key], atol=1e-9)
        assert adjacency(across, n, periodic)[1].sum() != adjacency(labels, n, periodic)[1].sum()


def test_a_map_turned_has_its_axes_turned():
    labels, n = patchy((9, 16), 6, 3)
    turned = np.ascontiguousarray(labels.T)
    for rows, columns in AXES:
        a, b = adjacency(labels, n, (rows, columns)), adjacency(turned, n, (columns, rows))
        for found, wanted in zip(a, b, strict=True):
            np.testing.assert_array_equal(found, wanted)
        shapes, others = measure(labels, n, (rows, columns)), measure(turned, n, (columns, rows))
        for key in KEYS[:3]:
            np.testing.assert_allclose(shapes[key], others[key], atol=1e-9)
        np.testing.assert_allclose(shapes["centroid_row"], others["centroid_col"], atol=1e-9)


@pytest.mark.parametrize("periodic", AXES)
def test_grains_at_the_border_are_those_at_ends_without_period(periodic):
    labels, _ = patchy((12, 17), 30, 4)
    found = from_labels("a", labels, periodic)
    at_end = set()
    if not periodic[0]:
        at_end |= {*labels[0], *labels[-1]}
    if not periodic[1]:
        at_end |= {*labels[:, 0], *labels[:, -1]}
    assert (found.grain_id[found.border]).tolist() == sorted(at_end - {0})


@pytest.mark.parametrize("periodic", AXES)
@pytest.mark.parametrize("shape", [(12, 17), (11, 8)])
def test_a_centred_map_shows_the_sites_around_the_grain_and_nothing_twice(periodic, shape):
    labels, n = patchy(shape, 8, 5)
    for grain in range(1, n + 1):
        moved = centred(labels, labels == grain, periodic)
        assert moved.shape == labels.shape
        count = np.bincount(moved.ravel(), minlength=n + 1)[1:]
        assert (count <= np.bincount(labels.ravel(), minlength=n + 1)[1:]).all()
        # what is seen of a map with ends is a window of it among empty sites
        image = embedded(labels, periodic, margin=0)[0] if not all(periodic) else labels
        windows = [
            np.array_equal(np.roll(image, (-r, -c), (0, 1))[: shape[0], : shape[1]], moved)
            for r in range(image.shape[0])
            for c in range(image.shape[1])
        ]
        assert any(windows)


def test_a_centred_compact_grain_lies_in_the_middle():
    labels = np.ones((20, 30), np.int32)
    labels[0:3, 25:30] = 2
    for periodic in AXES:
        rows, columns = np.nonzero(centred(labels, labels == 2, periodic) == 2)
        assert (rows.tolist()[0], rows.max()) == (9, 11)
        assert (columns.min(), columns.max()) == (13, 17)
    beyond = centred(labels, labels == 2, (False, False))
    assert (beyond[:9] == 0).all() and (beyond[:, 18:] == 0).all()


def test_no_boundary_is_drawn_across_an_end_without_period():
    labels = np.array([[1, 1, 2], [1, 1, 2]], np.int32)
    assert on_boundary(labels, (True, True)).tolist() == [[False, True, True]] * 2
    assert on_boundary(labels, (True, False)).tolist() == [[False, True, False]] * 2
