"""Shards keep a map once with all its candidates, its table, and what is known of it."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from graincast.graphs import shards
from graincast.graphs.from_labels import from_labels
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.graphs.samples import samples
from graincast.microstructure import BadInput, GrainTable, Microstructure
from tests.synthetic import voronoi
from tests.tables import microstructure
from tests.unit.test_shards import assert_same

MISORIENTED = {"by": "misorientation", "above": 40}
RED = {"by": "fraction", "red": 0.3, "seed": 1}


def table(ids, seed=0):
    rng = np.random.default_rng(seed)
    n = ids.size
    columns = {
        "Size/mean": rng.normal(size=n),
        "..": np.where(rng.random(n) < 0.5, np.nan, 1.0),
        "100%": np.arange(n) * 1.0,
        "a.b/c%2F": np.array([f"grain {i} ü" for i in ids]),
        "empty": np.array([""] * n),
    }
    return GrainTable(rng.normal(size=(n, 4)), np.full(n, 2, np.int32), np.full(n, 10, np.int8), columns)


def measured(name, seed, spacing: float | None = 0.25, grains=table):
    """A measured map with ends, sites in no grain, and no growth run."""
    labels = voronoi(30, 12, np.random.default_rng(seed))[:24] * 3
    labels[4:8, 5:9] = 0
    return from_labels(name, labels, (False, True), spacing, grains)


def simulated(name, seed):
    return replace(microstructure(name, seed, size=20, grains=12, records=(2, 3)), note="made up")


def of_shard(path, maps, hops=None):
    shards.write(path, maps, hops)
    return list(shards.read(path))


def assert_alike(found: Microstructure, wanted: Microstructure):
    """All that a shard keeps is the same; what a reader left unknown may be written out."""
    tables = [one.grains or GrainTable() for one in (found, wanted)]
    assert_same(replace(found, grains=None), replace(wanted, grains=None))
    np.testing.assert_array_equal(found.area, wanted.area)
    for key in ("orientation", "phase", "laue"):
        values = [getattr(one, key) for one in tables]
        assert (values[0] is None) == (values[1] is None)
        if values[0] is not None:
            assert values[0].dtype == values[1].dtype
            np.testing.assert_array_equal(*values)
    for key, column in tables[1].columns.items():
        np.testing.assert_array_equal(tables[0].columns[key], column)


@pytest.mark.parametrize("types", [MISORIENTED, RED])
@pytest.mark.parametrize("candidates", ["all", "largest", {"ids": [3, 12]}])
def test_round_trip_is_exact(tmp_path, types, candidates):
    maps = [samples(measured(name, seed), candidates, types) for seed, name in enumerate(("b", "a/c"))]
    written = [one for of_map in maps for one in of_map]
    found = of_shard(tmp_path / "0.h5", written)
    wanted = [*maps[1], *maps[0]]
    assert [one.name for one in found] == [one.name for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert_alike(one, other)
    assert shards.groups([tmp_path / "0.h5"]) == {one.name: one.group for one in sorted(wanted, key=lambda m: m.name)}


def test_maps_that_know_different_things_share_a_shard(tmp_path):
    plain = measured("c", 3, None, None)
    few = measured("d", 4, grains=lambda ids: GrainTable(columns={"Size/mean": ids * 2.0, "own": ids.astype(str)}))
    maps = [*samples(measured("a", 1), "all", RED), simulated("b", 2), *samples(plain, "all", RED)]
    maps += samples(few, "largest", RED)
    found = of_shard(tmp_path / "0.h5", maps)
    for one, other in zip(found, maps, strict=True):
        assert_alike(one, other)
    by_name = {one.group: one for one in found}
    assert by_name["b"].note == "made up" and by_name["a"].note == ""
    assert np.isnan(by_name["c"].grains.columns["100%"]).all()
    assert (by_name["b"].grains.columns["own"] == "").all()
    assert (by_name["c"].grains.orientation, by_name["c"].spacing) == (None, None)


def test_the_same_maps_give_the_same_bytes_in_any_order(tmp_path):
    maps = [samples(measured(name, seed), "all", MISORIENTED) for seed, name in enumerate("abc")]
    for file, order in (("0.h5", (0, 1, 2)), ("1.h5", (2, 0, 1))):
        shards.write(tmp_path / file, [one for i in order for one in maps[i]], 2)
    assert (tmp_path / "0.h5").read_bytes() == (tmp_path / "1.h5").read_bytes()


@pytest.mark.parametrize("hops", [0, 1, 2, None])
@pytest.mark.parametrize("candidates", ["all", "largest"])
@pytest.mark.parametrize("make", [measured, simulated])
def test_each_sample_is_the_k_hop_subgraph_of_its_map(tmp_path, hops, candidates, make):
    whole = make("a", 5)
    if make is simulated:  # whose source names a candidate
        whole = replace(whole, candidate=np.zeros_like(whole.candidate))
    written = samples(whole, candidates, RED)
    for one, other in zip(of_shard(tmp_path / "0.h5", written, hops), written, strict=True):
        assert_alike(one, k_hop_subgraph(other, hops))
        assert one.mean_area == whole.mean_area


def test_a_map_is_stored_once_for_all_its_candidates(tmp_path):
    whole = measured("a", 1)
    of_shard(tmp_path / "0.h5", samples(whole, "all", RED), 2)
    with h5py.File(tmp_path / "0.h5") as file:
        n = whole.grain_id.size
        assert file["group"].asstr()[:].tolist() == ["a"]
        assert (file["nodes/id"].size, file["candidates/node"].size, file["candidates/type"].size) == (n, n, n * n)
        assert file["hops"][:].tolist() == [2]


def test_maps_are_read_whole_with_their_samples(tmp_path):
    wanted = samples(measured("a", 1), "all", RED)
    shards.write(tmp_path / "0.h5", [*wanted, simulated("b", 2)], 1)
    (first, of_first), (second, of_second) = shards.read_maps(tmp_path / "0.h5")
    assert_alike(first, wanted[0])
    assert [one.name for one in of_first] == [one.name for one in wanted]
    assert [one.name for one in of_second] == ["b"] == [second.name]


@pytest.mark.parametrize("version", [1, 3])
def test_shards_of_another_format_are_refused_with_the_remedy(tmp_path, version):
    path = tmp_path / "0.h5"
    shards.write(path, [simulated("a", 1)])
    with h5py.File(path, "a") as file:
        file.attrs["version"] = version
    with pytest.raises(BadInput, match=r"0\.h5.*version") as raised:
        list(shards.read(path))
    assert "again" in str(raised.value) or "remove" in str(raised.value) or "delete" in str(raised.value)
