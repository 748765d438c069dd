"""Grain shapes against scikit-image on centred masks, and their symmetries."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import regionprops

from graincast.features.regionprops import KEYS, PERIMETER_WEIGHTS, measure

SHAPE_KEYS = [key for key in KEYS if not key.startswith("centroid")]


def voronoi(shape, n, seed):
    """A periodic image of n Voronoi grains, labelled 1 to n."""
    points = np.random.default_rng(seed).random((n, 2)) * shape
    pixels = np.stack(np.indices(shape), axis=-1).reshape(-1, 2)
    nearest = cKDTree(points, boxsize=shape).query(pixels)[1]
    return relabel(nearest.reshape(shape) + 1)


def relabel(labels):
    """The same grains, numbered 1 to n without gaps."""
    present = np.unique(labels[labels > 0])
    return np.where(labels > 0, np.searchsorted(present, labels) + 1, 0).astype(np.int32)


def patchy(shape, n, seed):
    """A periodic image with gaps, disconnected grains (some of one label) and one-pixel grains."""
    rng = np.random.default_rng(seed)
    labels = voronoi(shape, n, seed)
    new = rng.permutation(n + 1)
    new[rng.random(n + 1) < 0.4] = 0
    new = np.where(rng.random(n + 1) < 0.5, new % max(n // 2, 1), new)
    labels = new[labels]
    for k, at in enumerate(rng.choice(labels.size, n // 3, replace=False)):
        labels.flat[at] = n + 1 + k // 2
    return relabel(labels)


def spans(mask):
    return mask.any(1).all() or mask.any(0).all()


def start(count):
    """Where the centred mask begins on one axis: a plain version of the rule in the module's docstring."""
    size, filled = len(count), np.flatnonzero(count)
    if len(filled) == size:
        if (count == count[0]).all():
            return 0
        mean = np.angle(count @ np.exp(2j * np.pi * np.arange(size) / size)) * size / (2 * np.pi)
        return int(np.floor(mean - (size - 1) / 2 + 0.5 + 1e-9)) % size
    gaps = (filled - np.roll(filled, 1) - 1) % size
    starts = filled[gaps == gaps.max()]
    variance = [np.var(np.repeat((filled - s) % size, count[filled])) for s in starts]
    return starts[np.argmin(np.round(variance, 9))]


def periodic_perimeter(mask):
    padded = np.pad(mask, 2, mode="wrap")
    border = padded & ~ndimage.binary_erosion(padded)
    border[[0, -1]] = border[:, [0, -1]] = 0
    code = ndimage.convolve(border.astype(int), np.array([[10, 2, 10], [2, 1, 2], [10, 2, 10]]), mode="constant")
    return PERIMETER_WEIGHTS[code[2:-2, 2:-2]].sum()


def reference(mask):
    """The measures of one grain by scikit-image."""
    begin = start(mask.sum(1)), start(mask.sum(0))
    (region,) = regionprops(np.roll(mask, (-begin[0], -begin[1]), axis=(0, 1)).astype(np.uint8))
    centroid = (np.array(region.centroid) + begin) % mask.shape
    return {
        "area": region.area,
        "perimeter": periodic_perimeter(mask) if spans(mask) else region.perimeter,
        "equivalent_diameter": region.equivalent_diameter_area,
        "major_axis_length": region.axis_major_length,
        "minor_axis_length": region.axis_minor_length,
        "centroid_row": centroid[0],
        "centroid_col": centroid[1],
    }


def assert_equals_scikit_image(labels, indices=None):
    n = int(labels.max())
    measured = measure(labels, n)
    assert tuple(measured) == KEYS
    assert all(measured[key].shape == (n,) and measured[key].dtype == np.float64 for key in KEYS)
    for index in range(n) if indices is None else indices:
        for key, expected in reference(labels == index + 1).items():
            # scikit-image's own rounding of a straight grain's zero minor axis is about 1e-6
            assert measured[key][index] == pytest.approx(expected, rel=1e-6, abs=4e-6), (key, index)


@pytest.mark.parametrize(
    ("shape", "n"), [((64, 64), 40), ((50, 70), 25), ((64, 48), 3), ((33, 31), 2), ((40, 40), 1), ((30, 30), 300)]
)
def test_voronoi_grains_match_scikit_image(shape, n):
    labels = voronoi(shape, n, seed=n)
    assert labels.max() > n / 2
    assert_equals_scikit_image(labels)


@pytest.mark.parametrize("seed", range(6))
def test_disconnected_and_single_pixel_grains_match_scikit_image(seed):
    labels = patchy((60, 45), 40, seed)
    assert (np.bincount(labels.ravel()) == 1).any()
    eight = np.ones((3, 3))
    assert any(ndimage.label(np.pad(labels == k, 1, mode="wrap"), eight)[1] > 1 for k in range(1, labels.max() + 1))
    assert_equals_scikit_image(labels)


@pytest.mark.parametrize("seed", range(4))
def test_noise_matches_scikit_image(seed):
    """Every border code occurs, and every label is scattered over the image."""
    rng = np.random.default_rng(seed)
    assert_equals_scikit_image(relabel(rng.integers(0, 4, (17, 23))))
    assert_equals_scikit_image(relabel(rng.integers(0, 60, (17, 23))))


@pytest.mark.parametrize("shape", [(1, 1), (1, 8), (8, 1), (2, 2), (2, 9), (9, 3)])
def test_tiny_images_match_scikit_image(shape):
    rng = np.random.default_rng(5)
    for _ in range(20):
        labels = relabel(rng.integers(0, 4, shape))
        if labels.max():
            assert_equals_scikit_image(labels)


def test_published_grains_match_scikit_image(raw_data):
    from graincast.raw.deepspparks import read

    paths = sorted((raw_data / "deepspparks-json").glob("*.json"))
    if not paths:
        pytest.skip(f"no DeepSPPARKS graphs in {raw_data}")
    for k, path in enumerate(paths):
        labels = read(path, path.stem).labels
        # the small grains of all graphs, where one-pixel and disconnected ones are, and all grains of a few graphs
        small = np.flatnonzero(np.bincount(labels.ravel())[1:] < 20)
        assert_equals_scikit_image(labels, None if k % max(len(paths) // 5, 1) == 0 else small)


def test_a_grain_that_wraps_both_axes_is_measured_as_one_square():
    labels = np.zeros((20, 30), np.int32)
    labels[np.ix_([18, 19, 0, 1, 2], [28, 29, 0, 1, 2])] = 1
    measured = {key: values[0] for key, values in measure(labels, 1).items()}
    assert measured["area"] == 25
    assert measured["perimeter"] == 16
    assert measured["major_axis_length"] == pytest.approx(4 * np.sqrt(2))
    assert measured["minor_axis_length"] == pytest.approx(4 * np.sqrt(2))
    assert (measured["centroid_row"], measured["centroid_col"]) == (0, 0)


def test_a_single_pixel_has_no_perimeter_and_no_axes():
    labels = np.zeros((5, 5), np.int32)
    labels[4, 0] = 1
    measured = {key: values[0] for key, values in measure(labels, 1).items()}
    assert measured == {
        "area": 1,
        "perimeter": 0,
        "equivalent_diameter": np.sqrt(4 / np.pi),
        "major_axis_length": 0,
        "minor_axis_length": 0,
        "centroid_row": 4,
        "centroid_col": 0,
    }


def test_straight_thin_grains_have_no_minor_axis():
    labels = np.zeros((40, 40), np.int32)
    i = np.arange(25)
    labels[(i + 30) % 40, (i + 27) % 40] = 1
    labels[(i + 30) % 40, (60 - i) % 40] = 2
    labels[20, 3:18] = 3
    assert (measure(labels, 3)["minor_axis_length"] == 0).all()


def test_a_spanning_band_has_two_sides_and_no_ends():
    labels = np.zeros((24, 32), np.int32)
    labels[5:9] = 1
    labels[:, 20:23] = 2
    labels[5:9, 20:23] = 1
    measured = measure(labels[:, :20], 1)
    assert measured["perimeter"][0] == 2 * 20
    whole = measure(np.ones((24, 32), np.int32), 1)
    assert (whole["area"][0], whole["perimeter"][0]) == (24 * 32, 0)


@pytest.mark.parametrize("make", [voronoi, patchy])
@pytest.mark.parametrize("seed", [1, 2])
def test_translation_over_the_border_changes_no_shape(make, seed):
    labels = make((48, 60), 30, seed)
    n = labels.max()
    before = measure(labels, n)
    for shift in [(1, 0), (0, 1), (47, 31), (-13, 29), (24, 30)]:
        after = measure(np.roll(labels, shift, axis=(0, 1)), n)
        for key in SHAPE_KEYS:
            np.testing.assert_allclose(after[key], before[key], rtol=1e-12, atol=1e-12, err_msg=key)
        for key, by, size in [("centroid_row", shift[0], 48), ("centroid_col", shift[1], 60)]:
            off = (after[key] - before[key] - by + size / 2) % size - size / 2
            np.testing.assert_allclose(off, 0, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("make", [voronoi, patchy])
@pytest.mark.parametrize("seed", [3, 4])
def test_quarter_turns_and_mirrors_change_no_shape(make, seed):
    labels = make((48, 60), 30, seed)
    n = labels.max()
    before = measure(labels, n)
    for image in [np.rot90(labels), np.rot90(labels, 2), np.rot90(labels, 3), labels.T, labels[::-1]]:
        after = measure(image, n)
        for key in SHAPE_KEYS:
            np.testing.assert_allclose(after[key], before[key], rtol=1e-12, atol=1e-12, err_msg=key)


def test_symmetries_hold_for_grains_that_span_an_axis():
    labels = voronoi((16, 121), 7, seed=3)
    n = labels.max()
    assert sum(spans(labels == k) for k in range(1, n + 1)) > 2
    assert_equals_scikit_image(labels)
    before = measure(labels, n)
    for image in [np.roll(labels, (9, 41), axis=(0, 1)), np.rot90(labels), labels[:, ::-1]]:
        after = measure(image, n)
        for key in SHAPE_KEYS:
            np.testing.assert_allclose(after[key], before[key], rtol=1e-12, atol=1e-12, err_msg=key)


def test_numbering_does_not_matter():
    labels = voronoi((48, 60), 30, seed=5)
    n = labels.max()
    new = np.random.default_rng(0).permutation(n)
    before, after = measure(labels, n), measure(np.append(0, new + 1)[labels], n)
    for key in KEYS:
        np.testing.assert_array_equal(after[key][new], before[key])


def test_an_image_without_grains_gives_empty_arrays():
    assert all(values.shape == (0,) for values in measure(np.zeros((4, 4), np.int32), 0).values())


def test_a_label_without_pixels_is_named():
    with pytest.raises(ValueError, match=r"label 2 has no pixel \(2 of 4"):
        measure(np.array([[1, 3], [3, 0]]), 4)


@pytest.mark.parametrize("wrong", [-1, 4])
def test_a_label_out_of_range_is_named(wrong):
    with pytest.raises(ValueError, match=f"label {wrong} lies outside 0 to 3"):
        measure(np.array([[1, 2], [3, wrong]]), 3)


def test_labels_of_another_number_of_axes_are_refused():
    with pytest.raises(ValueError, match="two axes"):
        measure(np.ones(5, np.int32), 1)
