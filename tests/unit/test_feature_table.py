"""Feature tables: round trips, the fingerprint, and views of the flat arrays."""

import copy
from dataclasses import fields, replace

import h5py
import numpy as np
import pytest

from graincast.features import table
from tests.tables import feature_table, table_parts


def same(one, other):
    for field in fields(table.FeatureTable):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b, strict=True)
        else:
            assert a == b


@pytest.mark.parametrize("count", [1, 30])
def test_round_trip_is_exact(tmp_path, count):
    one = feature_table(count)
    table.write(tmp_path / "f.h5", one)
    back = table.read(tmp_path / "f.h5")
    same(back, one)
    assert back.fingerprint == one.fingerprint
    with h5py.File(tmp_path / "f.h5") as file:
        assert file.attrs["fingerprint"] == one.fingerprint


def test_the_same_table_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        table.write(tmp_path / name, feature_table(20))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_order_of_the_parts_does_not_matter():
    made = table_parts(10)
    same(table.assemble(["c0", "c1", "c2"], made[::-1]), table.assemble(["c0", "c1", "c2"], made))


def test_any_change_changes_the_fingerprint():
    one = feature_table(5)
    found = {one.fingerprint}
    assert feature_table(5).fingerprint in found
    for field in fields(table.FeatureTable):
        value = copy.deepcopy(getattr(one, field.name))
        if isinstance(value, list):
            value[-1] += "x"
        elif value.dtype == bool:
            value[-1] = ~value[-1]
        else:
            value[(-1,) * value.ndim] += 1
        found.add(replace(one, **{field.name: value}).fingerprint)
    assert len(found) == 1 + len(fields(table.FeatureTable))


def test_the_fingerprint_knows_where_one_field_ends():
    one = feature_table(2)
    names = [
        replace(one, name=["a", "b"], columns=["xy"]),
        replace(one, name=["a", "bx"], columns=["y"]),
        replace(one, name=["a\nb"], columns=["xy"]),
        replace(one, x=one.x.reshape(-1, 1)),
    ]
    assert len({other.fingerprint for other in names}) == 4


def test_candidate_ratios_are_those_of_the_parts():
    made = table_parts(12, seed=4)
    one = table.assemble(["c0", "c1", "c2"], made)
    assert {len(part["growth_ratio"]) for part in made} == {1, 2, 3}
    for ratio, part in zip(one.candidate_ratios(), made, strict=True):
        np.testing.assert_array_equal(ratio, part["growth_ratio"][:, part["candidate"].argmax()], strict=True)


def test_flat_edges_join_the_rows_of_each_microstructure():
    made = table_parts(12)
    one = table.assemble(["c0", "c1", "c2"], made)
    found = [tuple(x) for x in one.x[one.flat_edges].reshape(len(one.edges), -1)]
    expected = [tuple(part["x"][edge].ravel()) for part in made for edge in part["edges"]]
    assert found == expected
    assert one.x[one.candidate_index].tolist() == [part["x"][part["candidate"]][0].tolist() for part in made]


@pytest.mark.parametrize("attributes", [{"version": 3}, {"format": "graincast grain graphs"}])
def test_another_version_or_format_is_refused(tmp_path, attributes):
    table.write(tmp_path / "f.h5", feature_table(2))
    with h5py.File(tmp_path / "f.h5", "a") as file:
        file.attrs.update(attributes)
    with pytest.raises(ValueError, match="not a file of graincast features, version 2"):
        table.read(tmp_path / "f.h5")
