"""Feature tables: round trips, the fingerprint, and views of the flat arrays."""

import copy
from dataclasses import fields, replace

import h5py
import numpy as np
import pytest

from graincast.features import table
from tests.tables import feature_table, table_parts


def assert_same(left, right):
    for field in fields(table.FeatureTable):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b, strict=True)
        else:
            assert a == b


def grouped(microstructures: int) -> list[dict]:
    """Rows of which every third has a group of its own, and the others share one."""
    return [part if i % 3 else part | {"group": "map"} for i, part in enumerate(table_parts(microstructures))]


@pytest.mark.parametrize("count", [1, 30])
def test_round_trip_is_exact(tmp_path, count):
    features = table.assemble(["c0", "c1", "c2"], grouped(count))
    table.write(tmp_path / "f.h5", features)
    back = table.read(tmp_path / "f.h5")
    assert_same(back, features)
    assert back.fingerprint == features.fingerprint
    with h5py.File(tmp_path / "f.h5") as file:
        assert file.attrs["fingerprint"] == features.fingerprint


def test_the_same_table_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        table.write(tmp_path / name, feature_table(20))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_order_of_microstructures_does_not_matter():
    graphs = table_parts(10)
    assert_same(table.assemble(["c0", "c1", "c2"], graphs[::-1]), table.assemble(["c0", "c1", "c2"], graphs))


def test_groups_stay_with_their_microstructures():
    features = table.assemble(["c0", "c1", "c2"], grouped(10)[::-1])
    assert features.group == ["map" if i % 3 == 0 else name for i, name in enumerate(features.name)]


def test_any_change_changes_the_fingerprint():
    features = feature_table(5)
    fingerprints = {features.fingerprint}
    assert feature_table(5).fingerprint in fingerprints
    for field in fields(table.FeatureTable):
        value = copy.deepcopy(getattr(features, field.name))
        if isinstance(value, list):
            value[-1] += "x"
        elif value.dtype == bool:
            value[-1] = ~value[-1]
        else:
            value[(-1,) * value.ndim] += 1
        fingerprints.add(replace(features, **{field.name: value}).fingerprint)
    assert len(fingerprints) == 1 + len(fields(table.FeatureTable))


def test_the_fingerprint_separates_the_fields():
    features = feature_table(2)
    variants = [
        replace(features, name=["a", "b"], columns=["xy"]),
        replace(features, name=["a", "bx"], columns=["y"]),
        replace(features, name=["a\nb"], columns=["xy"]),
        replace(features, x=features.x.reshape(-1, 1)),
    ]
    assert len({other.fingerprint for other in variants}) == 4


def test_candidate_ratios_are_those_of_each_microstructure():
    graphs = table_parts(12, seed=4)
    features = table.assemble(["c0", "c1", "c2"], graphs)
    assert {len(graph["growth_ratio"]) for graph in graphs} == {1, 2, 3}
    for ratio, graph in zip(features.candidate_ratios(), graphs, strict=True):
        np.testing.assert_array_equal(ratio, graph["growth_ratio"][:, graph["candidate"].argmax()], strict=True)


def test_flat_edges_index_the_rows_of_each_microstructure():
    graphs = table_parts(12)
    features = table.assemble(["c0", "c1", "c2"], graphs)
    pairs = [tuple(x) for x in features.x[features.flat_edges].reshape(len(features.edges), -1)]
    expected = [tuple(graph["x"][edge].ravel()) for graph in graphs for edge in graph["edges"]]
    assert pairs == expected
    assert features.x[features.candidate_index].tolist() == [
        graph["x"][graph["candidate"]][0].tolist() for graph in graphs
    ]


@pytest.mark.parametrize("attributes", [{"version": 2}, {"format": "graincast grain graphs"}])
def test_another_version_or_format_is_refused(tmp_path, attributes):
    table.write(tmp_path / "f.h5", feature_table(2))
    with h5py.File(tmp_path / "f.h5", "a") as file:
        file.attrs.update(attributes)
    with pytest.raises(ValueError, match="not a file of graincast features, version 4"):
        table.read(tmp_path / "f.h5")
