"""Node features: their values, and their invariance under periodic translation and 90° rotation."""

from dataclasses import replace

import numpy as np
import pytest

from graincast.features.nodes import SHAPE, features
from tests.tables import microstructure

ALL = ["type", "degree", "red_area", *SHAPE]


@pytest.fixture(scope="module", params=range(3))
def grains(request):
    return microstructure("m", request.param, size=32, grains=15)


def test_features_depend_on_the_grain_type():
    types = np.array([0, 2, 1, 2], np.int8)
    areas = [np.array([[10, 20, 30, 40], [1, 2, 3, 4]], np.int32), np.array([[10, 20, 30, 40]], np.int32)]
    four_grains = replace(
        microstructure("m", 0),
        grain_id=np.arange(4, dtype=np.int32),
        grain_type=types,
        degree=np.array([3, 1, 1, 2], np.int32),
        areas=areas,
    )
    values = features(four_grains, ["red_area", "type", "degree"])
    assert values.dtype == np.float64
    assert values.tolist() == [[0, 1, 3], [20, 0, 1], [0, 0.5, 1], [40, 0, 2]]


def test_columns_come_in_the_order_asked_for(grains):
    whole = features(grains, ALL)
    assert whole.shape == (grains.grain_id.size, len(ALL))
    for order in (ALL[::-1], ["area"], ["type"], ["minor_axis_length", "degree"]):
        np.testing.assert_array_equal(features(grains, order), whole[:, [ALL.index(name) for name in order]])


def test_red_area_is_the_initial_area_of_red_grains(grains):
    area, red_area = features(grains, ["area", "red_area"]).T
    np.testing.assert_array_equal(area, grains.areas[0][0])
    np.testing.assert_array_equal(red_area, area * (grains.grain_type == 2))


def test_shapes_are_measured_on_the_label_image(grains):
    area, diameter, major, minor = features(grains, ["area", "equivalent_diameter", *SHAPE[-2:]]).T
    np.testing.assert_array_equal(area, np.bincount(grains.labels.ravel())[1:])
    np.testing.assert_allclose(np.pi * diameter**2 / 4, area)
    assert (major >= minor).all()


@pytest.mark.parametrize("shift", [(5, 0), (0, 17), (31, 9)])
def test_periodic_translation_changes_nothing(grains, shift):
    moved = replace(grains, labels=np.roll(grains.labels, shift, (0, 1)))
    assert not np.array_equal(moved.labels, grains.labels)
    np.testing.assert_allclose(features(moved, ALL), features(grains, ALL), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_rotation_by_90_degrees_changes_nothing(grains, turns):
    turned = replace(grains, labels=np.ascontiguousarray(np.rot90(grains.labels, turns)))
    np.testing.assert_allclose(features(turned, ALL), features(grains, ALL), rtol=1e-9, atol=1e-9)


def test_an_unknown_feature_is_refused(grains):
    with pytest.raises(KeyError, match="volume"):
        features(grains, ["area", "volume"])
