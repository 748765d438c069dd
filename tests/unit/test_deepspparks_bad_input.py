"""Every kind of unusable DeepSPPARKS file is rejected with its reason, and no other error is raised."""

import copy
import json
import random

import numpy as np
import pytest

from graincast.microstructure import BadInput
from graincast.raw.coco_rle import encode_runs
from graincast.raw.deepspparks import read
from tests.synthetic import encode
from tests.unit.test_deepspparks import LABELS, graph, metadata_of, old_graph


@pytest.fixture
def load(tmp_path):
    def load(data):
        path = tmp_path / "graph.json"
        path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
        return read(path, "a")

    return load


def set_node(key, value, node="7"):
    return lambda data: data["nodes"][node].__setitem__(key, value)


def drop(*path):
    def change(data):
        for key in path[:-1]:
            data = data[key]
        del data[path[-1]]

    return change


def set_metadata(key, value):
    return lambda data: metadata_of(data).__setitem__(key, value)


def first_areas(value):
    def change(data):
        for run in data["nodes"]["7"]["grain_size"]:
            run[0] = value

    return change


BAD = {
    "no candidate": (set_node("grain_type", 1), "0 candidate"),
    "two candidates": (set_node("grain_type", 0, "12"), "2 candidate"),
    "candidate absent": (drop("nodes", "7"), "0 candidate"),
    "edge to an absent node": (lambda d: d["edges"].update({"(7, 8)": {}}), "absent"),
    "edge that is not a pair": (lambda d: d["edges"].update({"7-12": {}}), "not a pair"),
    "mask of another size": (set_node("rle", {"size": [4, 4], "counts": encode(LABELS[:4] == 2)}), "fit"),
    "mask that is too long": (set_node("rle", {"size": [5, 4], "counts": encode(np.eye(6))}), "fit"),
    "image of another size": (set_metadata("img_size", [4, 5]), "fit"),
    "malformed mask": (set_node("rle", {"size": [5, 4], "counts": "5 !"}), "malformed"),
    "overlapping masks": (set_node("rle", {"size": [5, 4], "counts": encode(LABELS > 0)}), "overlap"),
    "empty mask": (set_node("rle", {"size": [5, 4], "counts": encode(LABELS > 9)}), "empty"),
    "candidate mask absent": (drop("nodes", "7", "rle"), "node 7 has no 'rle'"),
    "no counts": (drop("nodes", "7", "rle", "counts"), "'counts'"),
    "no grain type": (drop("nodes", "7", "grain_type"), "'grain_type'"),
    "no areas": (drop("nodes", "7", "grain_size"), "'grain_size'"),
    "area unlike the mask": (first_areas(4), "initial area is 4, but its mask has 5"),
    "zero initial area": (first_areas(0), "initial area is 0"),
    "negative area": (set_node("grain_size", [[5, -1], [5, 1]]), "below zero"),
    "fractional area": (set_node("grain_size", [[5, 1.5], [5, 1]]), "integers"),
    "area as text": (set_node("grain_size", [[5, "1"], [5, 1]]), "integers"),
    "area true": (set_node("grain_size", [[5, True], [5, 1]]), "integers"),
    "degree true": (set_metadata("degree_before_cut", {"0": 9, "7": True, "12": 9, "30": 9}), "bool"),
    "image beyond the largest": (set_metadata("img_size", [2**13, 2**13 + 1]), "too large; at most 67108864"),
    "time not exact": (set_metadata("timesteps", [[0, 2**53 + 1]] * 2), "too large to be exact"),
    "two growth runs alike": (set_metadata("growth_runs", ["a", "a"]), "two growth runs alike"),
    "one name for two growth runs": (set_metadata("growth_runs", ["a"]), "not a list of 2 names"),
    "a time twice with other areas": (set_metadata("timesteps", [[3.0, 3.0]] * 2), "ascend"),
    "enormous area": (set_node("grain_size", [[5, 2**70], [5, 1]]), "integers"),
    "areas beyond the image": (set_node("grain_size", [[5, 19], [5, 12]]), "add up"),
    "grain type 3": (set_node("grain_type", 3, "12"), "not 0, 1 or 2"),
    "grain type -1": (set_node("grain_type", -1, "12"), "not 0, 1 or 2"),
    "grain type true": (set_node("grain_type", True, "12"), "is a bool, not a int"),
    "growth runs of different lengths": (set_node("grain_size", [[5, 1], [5, 1, 2]]), "different lengths"),
    "fewer growth runs": (set_node("grain_size", [[5, 1]]), "growth runs of node"),
    "no growth runs": (set_node("grain_size", []), "growth run"),
    "flat areas": (set_node("grain_size", [5, 1]), "growth run"),
    "no nodes": (drop("nodes"), "'nodes'"),
    "no edges": (drop("edges"), "'edges'"),
    "no metadata": (drop("metadata"), "'metadata'"),
    "no form": (drop("metadata", "subgraph_metadata"), "neither"),
    "empty graph": (lambda d: d["nodes"].clear(), "no grains"),
    "node ids as words": (lambda d: d["nodes"].update({"seven": d["nodes"]["0"]}), "not a number"),
    "two ids alike": (lambda d: d["nodes"].update({"07": d["nodes"]["0"]}), "not a number"),
    "two microstructures": (lambda d: d["metadata"]["subgraph_metadata"].append({}), "2 microstructures"),
    "no image size": (drop("metadata", "subgraph_metadata", 0, "img_size"), "img_size"),
    "enormous image": (set_metadata("img_size", [10**8, 10**8]), "too large"),
    "no timesteps": (drop("metadata", "subgraph_metadata", 0, "timesteps"), "timesteps"),
    "empty timesteps": (set_metadata("timesteps", []), "timesteps"),
    "timesteps do not ascend": (set_metadata("timesteps", [[10.0, 0.0]] * 2), "ascend"),
    "timesteps not finite": (set_metadata("timesteps", [[0.0, float("nan")]] * 2), "finite"),
    "timesteps as text": (set_metadata("timesteps", [["0", "1"]] * 2), "finite"),
    "one timestep": (set_metadata("timesteps", [[0.0]] * 2), "1 timesteps"),
    "three sets of timesteps": (set_metadata("timesteps", [[0.0, 1.0]] * 3), "3 growth runs"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_rejected_with_its_reason(load, case):
    change, reason = BAD[case]
    data = graph()
    change(data)
    with pytest.raises(BadInput, match=reason):
        load(data)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.update(grain_sizes=[row[:30] for row in m["grain_sizes"][0]]), "none for node 30"),
        (lambda m: m.update(grain_sizes=[]), "not a table"),
        (lambda m: m.update(grain_sizes=3), "not a table"),
        (lambda m: m["grain_sizes"][0][1].pop(), "differ in length"),
        (lambda m: m["grain_sizes"][0].pop(), "1 records"),
        (lambda m: m["grain_sizes"][0][0].__setitem__(7, 4), "initial area is 4"),
        (lambda m: m["grain_sizes"][1][1].__setitem__(7, False), "integers"),
    ],
)
def test_bad_input_in_the_old_form_is_rejected_with_its_reason(load, change, reason):
    data = old_graph()
    change(data["metadata"])
    with pytest.raises(BadInput, match=reason):
        load(data)


@pytest.mark.parametrize(
    ("once", "twice"),
    [('"7": {"grain_type"', '"7": {}, "7": {"grain_type"'), ('"grain_type": 0', '"grain_type": 1, "grain_type": 0')],
)
def test_a_key_that_occurs_twice_is_rejected(load, once, twice):
    text = json.dumps(graph())
    assert once in text
    with pytest.raises(BadInput, match=r"key '(7|grain_type)' occurs twice in one JSON object"):
        load(text.replace(once, twice).encode())


def test_a_few_bytes_do_not_claim_a_gigabyte(load):
    side = 2**14
    node = {"grain_type": 0, "rle": {"size": [side, side], "counts": encode_runs([0, side**2])}}
    node["grain_size"] = [[side**2, side**2]]
    entry = {"img_size": [side, side], "timesteps": [[0, 1]]}
    with pytest.raises(BadInput, match="16384 x 16384 sites is too large"):
        load({"nodes": {"0": node}, "edges": {}, "metadata": {"subgraph_metadata": [entry]}})


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"7", b"\xff\xfe\x00", b"[" * 100_000, b'{"nodes": ' + b"9" * 5000 + b"}"]
)
def test_a_file_that_is_not_a_json_object_is_rejected(load, content):
    with pytest.raises(BadInput):
        load(content)


def containers(value):
    """Every list or object inside that is not empty, outermost first."""
    nested = [value]
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            nested += containers(inner)
    return [container for container in nested if container]


def damage(data, rng):
    """Delete or replace something at a random place, at any depth."""
    place = rng.choice(containers(data))
    key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
    others = [None, True, -1, 0, 3, 2.5, 1e400, 10**30, "", "x", "[1, 2]", [], [[]], [None], [[1], 2], {}, {"a": 1}]
    if rng.random() < 0.3:
        del place[key]
    else:
        place[key] = rng.choice(others)


def test_random_damage_raises_bad_input_or_nothing(load, raw_data):
    paths = sorted((raw_data / "deepspparks-json").glob("*.json"))
    sources = [json.dumps(graph()).encode(), json.dumps(old_graph()).encode(), *(p.read_bytes() for p in paths[:2])]
    rng, rejected = random.Random(0), 0
    for source in sources:
        whole = json.loads(source)
        for trial in range(250):
            if trial % 5 == 0:
                damaged = source[: rng.randrange(len(source))]
            elif trial % 5 == 1:
                at = rng.randrange(len(source))
                damaged = source[:at] + bytes([rng.randrange(256)]) + source[at + 1 :]
            else:
                data = copy.deepcopy(whole)
                damage(data, rng)
                damaged = json.dumps(data).encode()
            try:
                load(damaged)
            except BadInput as error:
                assert str(error)
                rejected += 1
    assert rejected > 500
