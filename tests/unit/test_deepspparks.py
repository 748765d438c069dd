"""DeepSPPARKS JSON graphs: both forms and the real files."""

import json

import numpy as np
import pytest

from graincast.graphs.boundaries import adjacency
from graincast.raw.deepspparks import read
from graincast.raw.sources import SOURCES, json_graphs
from tests.synthetic import encode

LABELS = np.array([[1, 1, 1, 2], [1, 1, 0, 2], [3, 3, 0, 2], [3, 3, 3, 2], [4, 4, 4, 2]])
IDS, TYPES = (0, 7, 12, 30), (1, 0, 2, 1)
FINAL = ((2, 9, 0, 4), (0, 12, 0, 3))  # final areas in two growth runs


def graph():
    """A graph of four grains with two growth runs, in the new form."""
    masks = [np.equal(LABELS, i + 1) for i in range(4)]
    edges, _ = adjacency(LABELS, 4)
    return {
        "nodes": {
            str(IDS[i]): {
                "grain_type": TYPES[i],
                "rle": {"size": [5, 4], "counts": encode(masks[i])},
                "grain_size": [[int(masks[i].sum()), final[i]] for final in FINAL],
            }
            for i in (2, 0, 3, 1)
        },
        "edges": {f"({IDS[a]}, {IDS[b]})": {} for a, b in edges.tolist()},
        "metadata": {
            "subgraph_metadata": [
                {"img_size": [5, 4], "grain_types": {}, "path": ["a", "b"], "timesteps": [[0.0, 10.0], [0.0, 11.0]]}
            ],
            "subgraph_node_ranges": [31],
        },
    }


def old_graph(repeats=True):
    """The same graph in the old form: areas of all 31 grains, one column per grain."""
    data = graph()
    tables = np.full((2, 2, 31), 1)
    for key, node in data["nodes"].items():
        tables[:, :, int(key)] = node.pop("grain_size")
    (metadata,) = data["metadata"]["subgraph_metadata"]
    metadata["grain_sizes"] = tables.tolist() if repeats else tables[0].tolist()
    if not repeats:
        metadata["timesteps"], metadata["path"] = metadata["timesteps"][0], "a"
    data["metadata"] = metadata
    for node in data["nodes"].values():
        node["rle"]["size"] = "[5, 4]"
    return data


def metadata_of(data):
    return data["metadata"]["subgraph_metadata"][0]


@pytest.fixture
def load(tmp_path):
    def load(data, name="a"):
        path = tmp_path / "graph.json"
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        return read(path, name)

    return load


def assert_equal(a, b):
    for key in ("labels", "grain_id", "grain_type", "candidate", "edges", "boundary_length", "degree"):
        np.testing.assert_array_equal(getattr(a, key), getattr(b, key), err_msg=key)
    for key in ("times", "areas"):
        assert len(getattr(a, key)) == len(getattr(b, key))
        for x, y in zip(getattr(a, key), getattr(b, key), strict=True):
            np.testing.assert_array_equal(x, y)


def test_a_graph_in_the_new_form_is_read(load):
    m = load(graph(), "some/name")
    assert m.name == "some/name"
    np.testing.assert_array_equal(m.labels, LABELS)
    assert m.grain_id.tolist() == list(IDS)
    assert m.grain_type.tolist() == list(TYPES)
    assert m.candidate.tolist() == [False, True, False, False]
    edges, length = adjacency(LABELS, 4)
    np.testing.assert_array_equal(m.edges, edges)
    np.testing.assert_array_equal(m.boundary_length, length)
    assert m.degree.tolist() == np.bincount(edges[:, 0]).tolist()
    assert [x.tolist() for x in m.times] == [[0, 10], [0, 11]]
    assert [x.tolist() for x in m.areas] == [[[5, 5, 5, 3], list(final)] for final in FINAL]
    dtypes = {"labels": "i4", "grain_id": "i4", "grain_type": "i1", "candidate": "?", "degree": "i4"}
    dtypes |= {"edges": "i4", "boundary_length": "i4"}
    assert {key: getattr(m, key).dtype for key in dtypes} == {key: np.dtype(code) for key, code in dtypes.items()}
    assert {x.dtype for x in m.times} == {np.dtype("f8")}
    assert {x.dtype for x in m.areas} == {np.dtype("i4")}


def test_the_old_form_reads_like_the_new_one(load):
    assert_equal(load(old_graph()), load(graph()))
    single = graph()
    metadata_of(single)["timesteps"].pop()
    for node in single["nodes"].values():
        node["grain_size"].pop()
    assert_equal(load(old_graph(repeats=False)), load(single))


def test_growth_runs_of_the_old_form_may_differ_in_length(load):
    data = old_graph()
    data["metadata"]["grain_sizes"][1].append(data["metadata"]["grain_sizes"][1][1])
    data["metadata"]["timesteps"][1].append(20.0)
    assert [len(x) for x in load(data).areas] == [2, 3]


def test_the_first_and_last_of_more_timesteps_are_used(load):
    data = graph()
    metadata_of(data)["timesteps"] = [[0.0, 2.0, 10.0], [0.0, 2.0, 11.0]]
    assert_equal(load(data), load(graph()))


def test_one_list_of_timesteps_may_serve_all_runs(load):
    data = graph()
    for steps in ([0.0, 10.0], [[0.0, 10.0]]):
        metadata_of(data)["timesteps"] = steps
        assert [x.tolist() for x in load(data).times] == [[0, 10], [0, 10]]


def test_edges_are_those_of_the_file_made_symmetric(load):
    data = graph()
    data["edges"] = {"(30, 12)": {}, "(0, 7)": {}, "(7,0)": {}, "(12, 0)": {}, "(12, 12)": {}}
    m = load(data)
    assert m.edges.tolist() == [[0, 1], [0, 2], [1, 0], [2, 0], [2, 3], [3, 2]]
    assert m.degree.tolist() == [2, 1, 2, 1]
    assert (m.boundary_length > 0).all()


def test_an_edge_between_grains_that_do_not_touch_has_boundary_length_zero(load):
    data = graph()
    for other in ("7", "30"):  # grain 12 keeps one site, far from 7
        data["edges"].pop(f"({other}, 12)", None)
    labels = np.where(LABELS == 3, 0, LABELS)
    labels[2, 0] = 3
    data["nodes"]["12"]["rle"]["counts"] = encode(labels == 3)
    data["nodes"]["12"]["grain_size"] = [[1, 0], [1, 0]]
    data["edges"]["(12, 30)"] = {}
    m = load(data)
    lengths = dict(zip(map(tuple, m.edges.tolist()), m.boundary_length.tolist(), strict=True))
    assert lengths[2, 3] == lengths[3, 2] == 0
    assert lengths[0, 2] == lengths[2, 0] > 0


def test_published_graphs_are_read_as_their_files_say(raw_data):
    paths = json_graphs(raw_data / "deepspparks-json")
    if not paths:
        pytest.skip(f"no DeepSPPARKS graphs in {raw_data}")
    for path in paths[::6]:
        m = read(path, path.stem)
        data = json.loads(path.read_bytes())
        assert m.candidate.sum() == 1
        assert m.grain_id.tolist() == sorted(map(int, data["nodes"]))
        assert {f"({m.grain_id[a]}, {m.grain_id[b]})" for a, b in m.edges} == set(data["edges"])
        np.testing.assert_array_equal(np.bincount(m.labels.ravel())[1:], m.areas[0][0])
        assert [x.tolist() for x in m.times] == [[0, 4_000_000]]
        candidate = data["nodes"][str(m.grain_id[m.candidate][0])]
        assert m.areas[0][:, m.candidate].ravel().tolist() == candidate["grain_size"][0]


def test_a_record_that_repeats_the_one_before_is_dropped(load):
    whole, repeated = old_graph(), old_graph()
    tables, times = repeated["metadata"]["grain_sizes"], repeated["metadata"]["timesteps"]
    for table, steps in zip(tables, times, strict=True):
        table.insert(1, table[1])
        steps.insert(1, steps[1])
    assert_equal(load(repeated), load(whole))


def test_growth_runs_are_numbered_unless_the_file_names_them(load):
    data = graph()
    assert load(data).runs == ["1", "2"]
    metadata_of(data)["growth_runs"] = ["1", "3"]
    assert load(data).runs == ["1", "3"]


def test_json_graphs_are_found_below_links(tmp_path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "c.json").touch()
    root = tmp_path / "root"
    (root / "b").mkdir(parents=True)
    for name in ("a.json", "b/a.json", "b/notes.txt", ".hidden.json", "a.10.json"):
        (root / name).touch()
    (root / "link").symlink_to(other, target_is_directory=True)
    (other / "back").symlink_to(root, target_is_directory=True)
    paths = json_graphs(root)
    assert [x.relative_to(root).as_posix() for x in paths] == ["a.10.json", "a.json", "b/a.json", "link/c.json"]
    assert SOURCES["deepspparks-json"].files(paths[0]) == [paths[0]]
    assert json_graphs(paths[0]) == [paths[0]]
    with pytest.raises(FileNotFoundError):
        json_graphs(root / "absent")
