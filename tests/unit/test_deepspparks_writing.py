"""Writing DeepSPPARKS JSON: exact round trips in both forms, and nothing overwritten or lost silently."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from graincast.graphs import shards
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import BadInput, Microstructure
from graincast.raw import deepspparks, spparks
from graincast.raw.deepspparks_writing import NOTE, checked, document, masks, write_folder
from graincast.raw.sources import json_graphs
from tests.synthetic import encode, graph, voronoi
from tests.tables import microstructure

FORMS = pytest.mark.parametrize("form", ["new", "old"])


def whole_graph(name: str, seed: int = 1, records: tuple = (2, 5), grains: int = 12) -> Microstructure:
    """A made-up graph as a reader returns it: the degrees are those of its edges."""
    m = microstructure(name, seed, size=64, grains=grains, records=records)
    return replace(m, degree=np.bincount(m.edges[:, 0], minlength=m.grain_id.size).astype(np.int32))


def read_back(m: Microstructure, form: str, folder) -> Microstructure:
    write_folder(folder, [m], form)
    return deepspparks.read(folder / f"{m.name}.json", m.name)


def assert_same(left: Microstructure, right: Microstructure):
    for field in fields(Microstructure):
        a, b = getattr(left, field.name), getattr(right, field.name)
        if not isinstance(a, np.ndarray | list) or field.name == "runs":
            assert a == b
            continue
        for x, y in zip(*((a, b) if isinstance(a, list) else ([a], [b])), strict=True):
            assert x.dtype == y.dtype, field.name
            np.testing.assert_array_equal(x, y, err_msg=field.name, strict=True)


@FORMS
@pytest.mark.parametrize("seed", range(8))
def test_an_export_reads_back_as_the_same_microstructure(tmp_path, form, seed):
    m = whole_graph(f"m{seed}", seed, records=((2,), (4,), (2, 2), (3, 7, 2))[seed % 4])
    assert_same(read_back(m, form, tmp_path / "out"), m)
    assert "degree_before_cut" not in (tmp_path / "out" / f"m{seed}.json").read_text()


@FORMS
@pytest.mark.parametrize("hops", [0, 1, 2])
def test_k_hop_subgraphs_keep_the_degrees_of_the_whole_graph(tmp_path, form, hops):
    m = k_hop_subgraph(whole_graph("m", 5, grains=40), hops)
    assert (m.labels == 0).any() and (m.degree > np.bincount(m.edges[:, 0], minlength=m.grain_id.size)).any()
    assert_same(read_back(m, form, tmp_path / "out"), m)


@FORMS
def test_names_of_growth_runs_are_kept(tmp_path, form):
    m = replace(whole_graph("m", records=(2, 2)), runs=["1", "3"])
    assert_same(read_back(m, form, tmp_path / "out"), m)


def test_times_and_areas_are_exact(tmp_path):
    m = whole_graph("m", records=(4,))
    times = np.array([0.0, 0.1 + 0.2, 20000.04526270, np.nextafter(4e6, 5e6)])
    m = replace(m, times=[times])
    assert read_back(m, "new", tmp_path / "out").times[0].tobytes() == times.tobytes()


@pytest.mark.parametrize("seed", range(6))
def test_masks_of_all_grains_equal_those_encoded_one_at_a_time(seed):
    rng = np.random.default_rng(seed)
    labels = voronoi(20, 9, rng)[: int(rng.integers(5, 20))]
    labels[labels == 4] = 0
    assert masks(labels, 9) == [encode(labels == i + 1) for i in range(9)]
    full = np.ones((3, 4), np.int32)
    assert masks(full, 2) == [encode(full), encode(full == 2)]


@FORMS
def test_everything_the_published_loader_looks_up_is_there(form):
    """It takes these keys, ids by int(), edges by splitting at ", ", and a node range above every id."""
    m = k_hop_subgraph(whole_graph("a/m", 3), 1)
    content = json.loads(json.dumps(document(m, form)))
    assert list(content) == ["nodes", "edges", "metadata"]
    assert [tuple(int(x) for x in key.strip("()").split(", ")) for key in content["edges"]] == [
        tuple(pair) for pair in m.grain_id[m.edges].tolist()
    ]
    metadata = content["metadata"]
    if form == "new":
        (metadata,) = content["metadata"]["subgraph_metadata"]
        (node_range,) = content["metadata"]["subgraph_node_ranges"]
        assert node_range > m.grain_id.max()
        for key, node in content["nodes"].items():
            assert list(node) == ["grain_type", "rle", "grain_size"]
            areas = [area[:, m.grain_id == int(key)].ravel().tolist() for area in m.areas]
            assert node["grain_size"] == areas
    else:
        for table, area in zip(metadata["grain_sizes"], m.areas, strict=True):
            np.testing.assert_array_equal(np.array(table)[:, m.grain_id], area)
            assert np.array(table).sum() == area.sum()
    assert metadata["img_size"] == [64, 64] and set(metadata["grain_types"]) == {"type_0", "type_1", "type_2"}
    assert metadata["path"] == ["a/m/run_1", "a/m/run_2"] and [len(x) for x in metadata["timesteps"]] == [2, 5]


def content_of(data: dict) -> dict:
    """What an export must reproduce of a published file; deepspparks_writing.py lists the rest."""
    (metadata,) = data["metadata"]["subgraph_metadata"]
    content = {key: metadata[key] for key in metadata if key not in ("path", "timesteps")}
    content["timesteps"] = [[steps[0], steps[-1]] for steps in metadata["timesteps"]]
    return {"nodes": data["nodes"], "edges": data["edges"], "keys": sorted(metadata)} | content


def test_import_then_export_gives_the_file_again(tmp_path):
    for seed in range(6):
        data = graph(seed, growth_runs=1 + seed % 3)
        (metadata,) = data["metadata"]["subgraph_metadata"]
        metadata["grain_types"] = document(whole_graph("m"))["metadata"]["subgraph_metadata"][0]["grain_types"]
        metadata["timesteps"] *= 1 + seed % 3
        write_folder(tmp_path / "out", [deepspparks.parse(data, "x")])
        assert content_of(json.loads((tmp_path / "out/x.json").read_text())) == content_of(data)


def test_all_published_graphs_survive_a_round_trip(raw_data, tmp_path):
    root = raw_data / "deepspparks-json"
    paths = json_graphs(root)
    if not paths:
        pytest.skip(f"no DeepSPPARKS graphs in {raw_data}")
    microstructures = [deepspparks.read(path, path.stem) for path in paths]
    write_folder(tmp_path / "out", microstructures)
    exported = json_graphs(tmp_path / "out")
    assert [path.name for path in exported] == [path.name for path in paths]
    for original, path in zip(paths, exported, strict=True):
        new, old = json.loads(path.read_bytes()), json.loads(original.read_bytes())
        assert content_of(new) == content_of(old), path.name
        assert max(map(int, new["nodes"])) < new["metadata"]["subgraph_node_ranges"][0]
        assert new["metadata"]["subgraph_node_ranges"][0] <= old["metadata"]["subgraph_node_ranges"][0]
    for path, m in list(zip(exported, microstructures, strict=True))[::20]:
        assert_same(deepspparks.read(path, m.name), m)


@FORMS
def test_published_growth_runs_survive_a_round_trip(raw_data, tmp_path, form):
    folder = raw_data / "spparks-runs" / "run-000001"
    if not folder.is_dir():
        pytest.skip(f"no SPPARKS runs in {raw_data}")
    runs = spparks.read(folder, "run-000001")
    for m in (runs, k_hop_subgraph(runs, 2)):
        assert_same(read_back(m, form, tmp_path / "out"), m)


def test_names_are_paths_below_the_folder(tmp_path):
    names = ["b", "a/b", "a/ü.c", "a.json"]
    write_folder(tmp_path / "out", [whole_graph(name, i) for i, name in enumerate(names)])
    written = [path.relative_to(tmp_path / "out").as_posix() for path in json_graphs(tmp_path / "out")]
    assert sorted(written) == sorted(f"{name}.json" for name in names)
    for name in ("../a", "/a", "", "a/../../b"):
        with pytest.raises(BadInput, match="the name is not a path below"):
            write_folder(tmp_path / "out", [whole_graph(name)])
    with pytest.raises(BadInput, match="'b' occurs twice"):
        write_folder(tmp_path / "out", [whole_graph("b"), whole_graph("b", 2)])
    assert len(json_graphs(tmp_path / "out")) == 4  # the failed calls changed nothing


def test_only_an_earlier_export_is_replaced(tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    write_folder(out, [whole_graph("a"), whole_graph("b")])
    write_folder(out, [whole_graph("c")])
    assert [path.name for path in json_graphs(out)] == ["c.json"]
    (out / NOTE).unlink()
    with pytest.raises(BadInput, match="holds files other than an export"):
        write_folder(out, [whole_graph("d")])
    assert [path.name for path in out.iterdir()] == ["c.json"]


def test_a_graph_that_the_format_cannot_hold_is_refused(tmp_path):
    m = whole_graph("m")
    with pytest.raises(BadInput, match=r"^m: DeepSPPARKS JSON cannot hold its candidate exactly"):
        checked(replace(m, candidate=np.ones_like(m.candidate)))
    with pytest.raises(BadInput, match=r"^m: DeepSPPARKS JSON cannot hold its boundary_length exactly"):
        checked(replace(m, boundary_length=m.boundary_length + 1))
    with pytest.raises(BadInput, match="cannot hold its edges exactly"):
        checked(replace(m, edges=m.edges[1:], boundary_length=m.boundary_length[1:]))
    with pytest.raises(BadInput, match=r"^m: DeepSPPARKS JSON cannot hold this graph: 2 candidate grains"):
        checked(replace(m, grain_type=np.where(np.arange(m.grain_id.size) < 2, 0, 1).astype(np.int8)))
    with pytest.raises(BadInput, match=r"^m: DeepSPPARKS JSON cannot hold this graph: node .* mask"):
        checked(replace(m, labels=np.where(m.labels == 2, 0, m.labels)))
    with pytest.raises(BadInput):
        write_folder(tmp_path / "out", [m, replace(m, name="n", candidate=~m.candidate)])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [2, -1, 1.5, True, None, 2**31])
def test_wrong_degrees_are_bad_input(wrong):
    content = document(k_hop_subgraph(whole_graph("m", 5), 1))
    (metadata,) = content["metadata"]["subgraph_metadata"]
    key = max(
        metadata["degree_before_cut"], key=lambda grain: sum(edge.startswith(f"({grain},") for edge in content["edges"])
    )
    metadata["degree_before_cut"][key] = wrong
    with pytest.raises(BadInput, match="degree_before_cut"):
        deepspparks.parse(content, "m")
    del metadata["degree_before_cut"][key]
    with pytest.raises(BadInput, match=f"degree_before_cut has no '{key}'"):
        deepspparks.parse(content, "m")


def test_a_shard_survives_export_and_import(tmp_path):
    subgraphs = [k_hop_subgraph(whole_graph(name, i), 1) for i, name in enumerate(("a", "b/c", "d"))]
    shards.write(tmp_path / "0.h5", subgraphs)
    write_folder(tmp_path / "out", shards.read(tmp_path / "0.h5"))
    imported = [deepspparks.read(tmp_path / "out" / f"{m.name}.json", m.name) for m in subgraphs]
    shards.write(tmp_path / "1.h5", imported)
    assert (tmp_path / "0.h5").read_bytes() == (tmp_path / "1.h5").read_bytes()
