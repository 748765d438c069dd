"""Features by name: values in hand-made cases, the order of columns, and refused names."""

from dataclasses import replace

import numpy as np
import pytest

from graincast.features.edges import EDGE_FEATURES
from graincast.features.feature import Feature, Measured
from graincast.features.named import measured
from graincast.features.nodes import NODE_FEATURES
from graincast.features.rows import row
from graincast.microstructure import BadInput
from tests.tables import microstructure

ALL = list(NODE_FEATURES)


@pytest.fixture(scope="module", params=range(3))
def grains(request):
    return microstructure("m", request.param, size=32, grains=15)


def features(of, names):
    return measured(NODE_FEATURES, names, Measured(of), of.grain_id.size)


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
    for order in (ALL[::-1], ["area"], ["type"], ["minor_axis_length", "degree"], []):
        np.testing.assert_array_equal(features(grains, order), whole[:, [ALL.index(name) for name in order]])


def test_red_area_is_the_initial_area_of_red_grains(grains):
    area, red_area = features(grains, ["area", "red_area"]).T
    np.testing.assert_array_equal(area, grains.areas[0][0])
    np.testing.assert_array_equal(red_area, area * (grains.grain_type == 2))


def test_shapes_are_measured_on_the_label_image(grains):
    names = ["area", "equivalent_diameter", "major_axis_length", "minor_axis_length"]
    area, diameter, major, minor = features(grains, names).T
    np.testing.assert_array_equal(area, np.bincount(grains.labels.ravel())[1:])
    np.testing.assert_allclose(np.pi * diameter**2 / 4, area)
    assert (major >= minor).all()


def test_a_row_has_the_features_of_grains_and_edges(grains):
    found = row(grains, ["degree", "area"], ["boundary_length"])
    np.testing.assert_array_equal(found["x"], features(grains, ["degree", "area"]))
    np.testing.assert_array_equal(found["edge_x"], grains.boundary_length[:, None])
    assert found["name"] == found["group"] == "m"


def test_an_unknown_feature_is_refused(grains):
    with pytest.raises(
        BadInput,
        match=rf"^feature 'volume' is none of type, degree, .*, … \({len(NODE_FEATURES)} in config/README.md\)$",
    ):
        row(grains, ["area", "volume"])
    with pytest.raises(BadInput, match=f"^feature 'angle' is none of {', '.join(EDGE_FEATURES)}$"):
        row(grains, ["area"], ["angle"])


@pytest.mark.parametrize("values", [3.0, np.zeros(2), np.zeros((15, 1))])
def test_a_function_that_returns_another_number_of_values_is_named(grains, values):
    table = {"wrong": Feature(lambda m: values, "", "a constant")}
    shape = list(np.shape(values))
    with pytest.raises(BadInput) as caught:
        measured(table, ["wrong"], Measured(grains), grains.grain_id.size)
    assert str(caught.value) == (f"feature wrong: its function returns an array {shape}, not [{grains.grain_id.size}]")
