"""Tables larger than the memory: rows go to the disk as they come, and models take a table part by part."""

import errno
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from graincast.experiment import declaration, targets
from graincast.features import table
from graincast.files import hdf5
from graincast.microstructure import BadInput
from graincast.models import by_name, graph_network
from graincast.training import graph_batches
from graincast.training.normalisation import moments, moments_of
from scripts import evaluate
from tests.tables import feature_table, table_parts

ROOT = Path(__file__).parents[2]
COLUMNS = ["c0", "c1", "c2"]


@pytest.fixture
def small_parts(monkeypatch):
    """Parts of about five graphs."""
    monkeypatch.setattr(table, "TOGETHER", 30)


def test_rows_written_as_they_come_give_the_file_of_the_assembled_table(tmp_path):
    rows = table_parts(30)[::-1]
    table.write(tmp_path / "assembled", table.assemble(COLUMNS, rows))
    table.write_rows(tmp_path / "new/streamed", COLUMNS, iter(rows))
    assert (tmp_path / "new/streamed").read_bytes() == (tmp_path / "assembled").read_bytes()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["streamed"]


def test_a_row_that_fails_leaves_nothing(tmp_path):
    def rows():
        yield from table_parts(3)
        raise BadInput("no more")

    with pytest.raises(BadInput, match="no more"):
        table.write_rows(tmp_path / "x.h5", COLUMNS, rows())
    assert not list(tmp_path.iterdir())


def test_large_arrays_are_plain_parts_of_the_file_and_mapped_read_only(tmp_path):
    features = feature_table(30)
    table.write(tmp_path / "f.h5", features)
    with h5py.File(tmp_path / "f.h5") as file:
        for key in table.LARGE:
            start, content = file[key].id.get_offset(), np.ascontiguousarray(getattr(features, key)).tobytes()
            assert (tmp_path / "f.h5").read_bytes()[start : start + len(content)] == content
            np.testing.assert_array_equal(file[key][()], getattr(features, key), strict=True)
    back = table.read(tmp_path / "f.h5")
    with pytest.raises(ValueError, match="read-only"):
        back.x[0] = 0


def test_a_compressed_table_of_an_earlier_release_is_read(tmp_path):
    features = feature_table(30)
    with hdf5.written(tmp_path / "f.h5") as file:
        file.attrs.update(
            **table.FORMAT, columns=np.array(COLUMNS, "S"), edge_columns=np.array(["boundary_length"], "S")
        )
        for field in fields(features):
            value = getattr(features, field.name)
            if isinstance(value, np.ndarray):
                file.create_dataset(field.name, data=value, compression="gzip")
            elif field.name in table.TEXTS:
                file.create_dataset(field.name, data=value, dtype=h5py.string_dtype())
    assert table.read(tmp_path / "f.h5").fingerprint == features.fingerprint


def test_a_table_cut_short_is_named(tmp_path):
    table.write(tmp_path / "f.h5", feature_table(30))
    content = (tmp_path / "f.h5").read_bytes()
    (tmp_path / "f.h5").write_bytes(content[: len(content) // 2])
    with pytest.raises(BadInput, match="cut short"):
        table.read(tmp_path / "f.h5")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_what_hdf5_wrote_is_replayed_in_order_and_a_full_disk_is_an_error(tmp_path):
    writes = hdf5._Writes()
    for start, piece in ((4, b"abcd"), (6, b"XY"), (0, b"!")):
        writes.seek(start)
        writes.write(piece)
    writes.truncate(9)
    (tmp_path / "x").write_bytes(b"-" * 20)
    with (tmp_path / "x").open("r+b") as stream:
        writes.replay(stream)
    assert (tmp_path / "x").read_bytes() == b"!---abXY-"
    buffer = bytearray(6)
    writes.seek(2)
    writes.readinto(buffer)
    assert buffer == b"\0\0abXY"
    with pytest.raises(OSError, match="No space") as full, Path("/dev/full").open("wb", buffering=0) as stream:
        writes.replay(stream)
    assert full.value.errno == errno.ENOSPC


@pytest.mark.parametrize("count", [1, 5, 30])
def test_parts_are_the_table_in_order(small_parts, count):
    features = feature_table(count)
    parts = list(features.parts())
    assert len(parts) == 1 if count == 1 else len(parts) > 1
    assert [name for part in parts for name in part.name] == features.name
    for key in table.LARGE:
        np.testing.assert_array_equal(np.concatenate([getattr(part, key) for part in parts]), getattr(features, key))
    pairs = [part.x[part.flat_edges] for part in parts]
    np.testing.assert_array_equal(np.concatenate(pairs), features.x[features.flat_edges])
    ratios = [ratio for part in parts for ratio in part.candidate_ratios()]
    assert all(np.array_equal(a, b) for a, b in zip(ratios, features.candidate_ratios(), strict=True))
    inside = np.arange(count) % 3 == 0
    assert features.selected(inside).name == features.name[::3]
    for key, ptr in (("x", features.node_ptr), ("edge_x", features.edge_ptr)):
        rows = np.concatenate(list(features.rows_of(key, inside)))
        np.testing.assert_array_equal(rows, getattr(features, key)[np.repeat(inside, np.diff(ptr))])


def test_a_table_of_no_graph_is_its_only_part():
    nothing = feature_table(2).selected(np.zeros(2, bool))
    assert [len(part.x) for part in nothing.parts()] == [0]


def test_moments_of_pieces_are_those_of_all_rows():
    rows = np.random.default_rng(0).normal(7, [[1e-3, 1, 1e5]], (1000, 3))
    np.testing.assert_array_equal(moments(rows), (rows.mean(axis=0), rows.std(axis=0)))
    np.testing.assert_allclose(moments_of(lambda: [rows[:1], rows[1:1], rows[1:]]), moments(rows), rtol=1e-13)


@pytest.mark.parametrize("cut", ["none", "loops", "seen"])
def test_graphs_of_parts_joined_are_those_of_the_table(small_parts, cut):
    features = feature_table(30)

    def made(part):
        graphs = graph_batches.of_table(part, y=np.arange(len(part.x)))
        graphs = graphs if cut == "none" else graph_batches.with_self_loops(graphs)
        return graph_batches.seen_by_candidates(graphs, 2) if cut == "seen" else graphs

    whole, joined = made(features), graph_batches.joined(map(made, features.parts()))
    for field in fields(whole):
        ours, theirs = getattr(joined, field.name), getattr(whole, field.name)
        if field.name not in ("y", "row"):  # those count within the part
            assert ours.dtype == theirs.dtype and torch.equal(ours, theirs), field.name


@pytest.mark.parametrize("name", ["sgc", "sign", "gat", "pna", "logistic"])
def test_a_model_is_the_same_whether_its_table_is_taken_in_parts(monkeypatch, name):
    features, model = feature_table(40), by_name.load(name)
    subsets = {"one": np.array(["train", "validation", "train", "train"] * 10)}
    target = targets.of_data(features, [10.0])
    declared = first_point(name)

    def outcome():
        trained = model.train(features, subsets, target, *declared)
        (one,) = trained.models.values()
        return model.predict(one, features)

    whole = outcome()
    monkeypatch.setattr(table, "TOGETHER", 30)
    assert len(list(features.parts())) > 4
    np.testing.assert_allclose(outcome(), whole, rtol=1e-5)


def first_point(name):
    """The first point of a model's grid, and its training settings with few epochs."""
    declared = declaration.read(name)
    training = {key: one["default"] for key, one in declared.training.items()}
    training |= {key: 3 for key in ("epochs", "iterations") if key in training}
    axes = {one.get("axis", key): one["default"] for key, one in declared.grid.items() if one.get("default")}
    axes = {axis: values[:1] if isinstance(values, list) else [values] for axis, values in axes.items()}
    axes |= {"threshold": [10.0]}
    return {axis: axes[axis] for axis in declared.prefixes if axis in axes}, training


def test_the_rows_of_cut_graphs_find_their_targets(small_parts):
    features = feature_table(30)
    normalisation = graph_network._normalisation(features, np.ones(30, bool))
    graphs = graph_network._graphs(features, normalisation, by_name.load("gat").Network, "candidate")
    graphs = graph_batches.with_targets(graphs, torch.arange(len(features.x)).float())
    found = graphs.y[graphs.candidate + graphs.node_ptr[:-1]]
    np.testing.assert_array_equal(found, features.candidate_index)
    normalised = (features.x[graphs.row] - normalisation["mean"]) / normalisation["std"]
    np.testing.assert_array_equal(graphs.x, normalised.astype(np.float32))


def test_ranges_are_those_of_all_rows(small_parts):
    features, inside = feature_table(30), np.arange(30) > 20
    found = evaluate.ranges(features, inside)
    rows = features.x[np.repeat(inside, np.diff(features.node_ptr))]
    np.testing.assert_array_equal(found["nodes"], np.stack([rows.min(axis=0), rows.max(axis=0)], axis=1))
    assert np.isfinite(found["edges"]).all()


GROWTH = """
import sys, tracemalloc
import numpy as np
from graincast.features import table

table.TOGETHER = 20_000  # 45 graphs

def rows(count):
    edges = np.stack(np.divmod(np.arange(2700, dtype=np.int32), 445), axis=1)
    for i in range(count):
        x = np.full((445, 7), float(i))
        yield dict(name=f"{i:06d}", x=x, candidate=np.arange(445) == 0, edges=edges, edge_x=np.ones((2700, 1)),
                   growth_ratio=np.ones((1, 445)))

def step(count):
    table.write_rows(sys.argv[1], list("abcdefg"), rows(count))
    data = table.read(sys.argv[1])
    %s

peaks = []
step(10)
for count in (300, 900):
    tracemalloc.start()
    step(count)
    peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
print((peaks[1] - peaks[0]) / 600)
"""


@pytest.mark.parametrize(
    ("use", "most"),
    [
        ("data.fingerprint", 6_000),  # one row alone has 72 kB
        (
            "from graincast.models.sgc_propagation import propagated, moments;"
            " propagated(data, [0, 1, 2]), moments(data, np.ones(count, bool))",
            6_000,
        ),
        ("from graincast.models.estimators import inputs; inputs(data, 2, np.ones(7, bool))", 6_000),
    ],
)
def test_memory_hardly_grows_with_the_number_of_graphs(tmp_path, use, most):
    """Bytes that each further graph of 445 grains takes at the peak; counted, so that nothing else bears on it."""
    done = subprocess.run(
        [sys.executable, "-c", GROWTH % use, tmp_path / "f.h5"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < most
