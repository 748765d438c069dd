"""Shards of grain graphs: exact round trips, the same bytes, and refused files."""

from dataclasses import fields, replace

import h5py
import numpy as np
import pytest

from graincast.graphs import shards
from graincast.microstructure import Microstructure
from tests.tables import microstructure


def varied_microstructures() -> list[Microstructure]:
    """Microstructures of several sizes, growth runs and records; one with gaps, one of a single grain without edges."""
    gaps = microstructure("gaps", 3, records=(2, 2))
    labels = np.where(gaps.labels == 2, 0, gaps.labels)
    lone = Microstructure(
        name="lone",
        group="lone",
        labels=np.ones((3, 5), np.int32),
        grain_id=np.array([7], np.int32),
        grain_type=np.zeros(1, np.int8),
        candidate=np.ones(1, bool),
        edges=np.zeros((0, 2), np.int32),
        boundary_length=np.zeros(0, np.int32),
        degree=np.array([4], np.int32),
        runs=["a"],
        times=[np.array([0.0, 0.25])],
        areas=[np.array([[15], [2**31 - 1]], np.int32)],
    )
    return [
        microstructure("b", 1, size=20, grains=9, records=(3, 2, 5)),
        microstructure("sub/ünï a", 2, size=12, grains=4),
        replace(gaps, labels=labels, group="sub/ünï"),
        lone,
    ]


def assert_same(left: Microstructure, right: Microstructure):
    for field in fields(Microstructure):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if not isinstance(a, np.ndarray | list) or field.name == "runs":
            assert a == b
            continue
        for x, y in zip(*((a, b) if isinstance(a, list) else ([a], [b])), strict=True):
            assert x.dtype == y.dtype, field.name
            np.testing.assert_array_equal(x, y, err_msg=field.name, strict=True)


def test_round_trip_is_exact(tmp_path):
    path = tmp_path / "deep" / "shard.h5"
    shards.write(path, varied_microstructures())
    stored = list(shards.read(path))
    assert [m.name for m in stored] == ["b", "gaps", "lone", "sub/ünï a"]
    for m, original in zip(stored, sorted(varied_microstructures(), key=lambda m: m.name), strict=True):
        assert_same(m, original)


def test_the_same_microstructures_give_the_same_bytes_in_any_order(tmp_path):
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    shards.write(paths[0], varied_microstructures())
    shards.write(paths[1], varied_microstructures()[::-1])
    assert paths[0].read_bytes() == paths[1].read_bytes()
    changed = varied_microstructures()
    changed[0].degree[0] += 1
    shards.write(paths[1], changed)
    assert paths[0].read_bytes() != paths[1].read_bytes()


def test_the_file_follows_its_format(tmp_path):
    first, second = microstructure("a", 1), microstructure("b", 2, records=(2, 4))
    shards.write(tmp_path / "shard.h5", [second, first])
    with h5py.File(tmp_path / "shard.h5") as file:
        assert (file.attrs["format"], file.attrs["version"]) == ("graincast grain graphs", 2)
        n = first.grain_id.size
        assert file["nodes/ptr"][:].tolist() == [0, n, n + second.grain_id.size]
        np.testing.assert_array_equal(file["nodes/area"][:n], np.bincount(first.labels.ravel())[1:])
        np.testing.assert_array_equal(file["edges/index"][len(first.edges) :], second.edges)
        assert file["growth/ptr"][:].tolist() == [0, 1, 3]
        assert file["growth/records"][:].tolist() == [0, 2, 4, 8]


def test_groups_are_listed_by_name(tmp_path):
    shards.write(tmp_path / "0.h5", varied_microstructures())
    shards.write(tmp_path / "1.h5", [replace(microstructure("a", 4), group="sub/ünï")])
    expected = {"a": "sub/ünï", "b": "b", "gaps": "sub/ünï", "lone": "lone", "sub/ünï a": "sub/ünï a"}
    listed = shards.groups([tmp_path / "0.h5", tmp_path / "1.h5"])
    assert list(listed.items()) == list(expected.items())


def test_an_empty_shard_is_read_back(tmp_path):
    shards.write(tmp_path / "shard.h5", [])
    assert list(shards.read(tmp_path / "shard.h5")) == []
    assert shards.names([tmp_path / "shard.h5"]) == []


def test_names_of_several_shards_are_in_order(tmp_path):
    shards.write(tmp_path / "0.h5", [microstructure("c", 1), microstructure("a", 2)])
    shards.write(tmp_path / "1.h5", [microstructure("b", 3)])
    assert shards.names([tmp_path / "1.h5", tmp_path / "0.h5"]) == ["a", "b", "c"]


@pytest.mark.parametrize("attributes", [{"version": 1}, {"format": "another"}, {"version": None}, {"format": None}])
def test_another_version_or_format_is_refused(tmp_path, attributes):
    path = tmp_path / "shard.h5"
    shards.write(path, varied_microstructures())
    with h5py.File(path, "a") as file:
        for key, value in attributes.items():
            del file.attrs[key]
            if value is not None:
                file.attrs[key] = value
    with pytest.raises(ValueError, match=f"{path}: not a file of graincast grain graphs, version 2"):
        next(shards.read(path))
