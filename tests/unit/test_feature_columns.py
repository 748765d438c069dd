"""Node features: their values, and that periodic translation and 90° rotation change none."""

from dataclasses import replace

import numpy as np
import pytest

from graincast.features.nodes import SHAPE, features
from tests.tables import microstructure

ALL = ["type", "degree", "red_area", *SHAPE]


@pytest.fixture(scope="module", params=range(3))
def one(request):
    return microstructure("m", request.param, size=32, grains=15)


def test_values_by_grain_type():
    types = np.array([0, 2, 1, 2], np.int8)
    areas = [np.array([[10, 20, 30, 40], [1, 2, 3, 4]], np.int32), np.array([[10, 20, 30, 40]], np.int32)]
    made = replace(
        microstructure("m", 0),
        grain_id=np.arange(4, dtype=np.int32),
        grain_type=types,
        degree=np.array([3, 1, 1, 2], np.int32),
        areas=areas,
    )
    found = features(made, ["red_area", "type", "degree"])
    assert found.dtype == np.float64
    assert found.tolist() == [[0, 1, 3], [20, 0, 1], [0, 0.5, 1], [40, 0, 2]]


def test_columns_come_in_the_order_of_their_names(one):
    whole = features(one, ALL)
    assert whole.shape == (one.grain_id.size, len(ALL))
    for order in (ALL[::-1], ["area"], ["type"], ["minor_axis_length", "degree"]):
        np.testing.assert_array_equal(features(one, order), whole[:, [ALL.index(name) for name in order]])


def test_area_is_the_initial_area_and_red_area_that_of_red_grains(one):
    area, red_area = features(one, ["area", "red_area"]).T
    np.testing.assert_array_equal(area, one.areas[0][0])
    np.testing.assert_array_equal(red_area, area * (one.grain_type == 2))


def test_shapes_are_those_of_the_label_image_grain_by_grain(one):
    area, diameter, major, minor = features(one, ["area", "equivalent_diameter", *SHAPE[-2:]]).T
    np.testing.assert_array_equal(area, np.bincount(one.labels.ravel())[1:])
    np.testing.assert_allclose(np.pi * diameter**2 / 4, area)
    assert (major >= minor).all()


@pytest.mark.parametrize("shift", [(5, 0), (0, 17), (31, 9)])
def test_periodic_translation_changes_nothing(one, shift):
    moved = replace(one, labels=np.roll(one.labels, shift, (0, 1)))
    assert not np.array_equal(moved.labels, one.labels)
    np.testing.assert_allclose(features(moved, ALL), features(one, ALL), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_by_90_degrees_changes_nothing(one, turns):
    turned = replace(one, labels=np.ascontiguousarray(np.rot90(one.labels, turns)))
    np.testing.assert_allclose(features(turned, ALL), features(one, ALL), rtol=1e-9, atol=1e-9)


def test_an_unknown_feature_is_refused(one):
    with pytest.raises(KeyError, match="volume"):
        features(one, ["area", "volume"])
