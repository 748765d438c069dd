"""A state without growth runs has all features, and in training it counts for nothing but a line that says so."""

import argparse
import itertools
import json
from dataclasses import replace

import h5py
import numpy as np
import pytest

from graincast.experiment import splits
from graincast.experiment.growth import with_growth
from graincast.features import edges, nodes, table
from graincast.features.coarse_growth import COARSE_FEATURES
from graincast.features.rows import row
from graincast.graphs.from_labels import from_labels
from graincast.microstructure import BadInput
from graincast.raw.deepspparks_writing import write_folder
from graincast.vision.table import VisionTable
from scripts import train
from tests.programs.test_train import TRAINING
from tests.recipes import recipe
from tests.tables import feature_table, microstructure, table_parts


def without_growth(one):
    return replace(one, runs=[], times=[], areas=[])


def of_some(count=20):
    """The rows of microstructures of which every third has no growth run, and which those are."""
    parts = table_parts(count)
    grown = np.arange(count) % 3 > 0
    for part, grew in zip(parts, grown, strict=True):
        if not grew:
            part["growth_ratio"] = np.zeros((0, len(part["x"])))
    return parts, grown


@pytest.mark.parametrize("seed", range(3))
def test_it_has_the_features_of_the_same_state_with_growth(seed):
    one = microstructure("a", seed, grains=9)
    # coarse growth is that of the duration of the growth runs
    columns = [name for name in nodes.NODE_FEATURES if name not in COARSE_FEATURES], list(edges.EDGE_FEATURES)
    with_runs, without = row(one, *columns), row(without_growth(one), *columns)
    for key in ("x", "edge_x", "edges", "candidate"):
        np.testing.assert_array_equal(with_runs[key], without[key])
    assert without["growth_ratio"].shape == (0, one.grain_id.size)


def test_a_map_has_all_features():
    labels = np.pad(microstructure("a", 1).labels, 2)
    found = from_labels("map", labels, (False, False), 0.5)
    found = replace(found, grain_type=np.ones_like(found.grain_type), candidate=found.grain_id == 3)
    features = row(found, list(nodes.NODE_FEATURES), list(edges.EDGE_FEATURES))
    assert np.isfinite(features["x"]).all() and np.isfinite(features["edge_x"]).all()


@pytest.mark.parametrize("form", ["new", "old"])
def test_an_export_without_growth_is_refused_by_name(tmp_path, form):
    with pytest.raises(BadInput, match="a: has no growth run, without which DeepSPPARKS JSON cannot hold it"):
        write_folder(tmp_path / "out", [without_growth(microstructure("a", 1))], form)
    assert not (tmp_path / "out").exists()


def test_a_table_without_them_is_that_of_the_others(capsys):
    parts, grown = of_some()
    columns = feature_table(1).columns
    names = feature_table(1).edge_columns
    mixed = table.assemble(columns, parts, names)
    wanted = table.assemble(columns, list(itertools.compress(parts, grown)), names)
    found = with_growth(mixed, "made")
    assert found.fingerprint == wanted.fingerprint
    assert "made: 7 of 20 microstructures have no growth run; the others are used" in capsys.readouterr().out
    assert with_growth(wanted, "made") is wanted
    with pytest.raises(BadInput, match="made: none of 7 microstructures has a growth run"):
        with_growth(mixed.selected(~grown), "made")


def test_a_table_of_pictures_without_them_is_that_of_the_others():
    runs = np.array([2, 0, 1, 0])
    ptr = np.concatenate([[0], np.cumsum(runs)])
    mixed = VisionTable(
        list("abcd"), list("wxyz"), "vgg16", np.arange(8.0).reshape(4, 2), growth_ptr=ptr, growth_ratio=np.arange(3.0)
    )
    found = with_growth(mixed, "made")
    assert (found.name, found.group, found.x.tolist()) == (["a", "c"], ["w", "y"], [[0, 1], [4, 5]])
    assert [ratio.tolist() for ratio in found.candidate_ratios()] == [[0, 1], [2]]


def test_a_table_that_lacks_some_growth_is_read_back(tmp_path):
    parts, _ = of_some()
    mixed = table.assemble(feature_table(1).columns, parts, feature_table(1).edge_columns)
    table.write(tmp_path / "plain.h5", mixed)
    assert table.read(tmp_path / "plain.h5").fingerprint == mixed.fingerprint


def test_training_is_that_on_the_others(tmp_path, capsys):
    """The same models, to the bit, as from a table that never had the states without growth."""
    parts, grown = of_some(40)
    columns, names = feature_table(1).columns, feature_table(1).edge_columns
    mixed = table.assemble(columns, parts, names)
    histories = {}
    for name, data in (("mixed", mixed), ("grown", mixed.selected(grown))):
        folder = tmp_path / name
        table.write(folder / "features/plain.h5", data)
        splits.write(folder / "held-out.csv", data.name, splits.fractions(data.name, 0.3, 0.2, 0))
        grid = {"threshold": [10], "learning_rate": [0.01], "weight_decay": [0], "seed": [0]}
        training = TRAINING | {"epochs": 3}
        asked = recipe(folder / "recipe.json", model="gat", target={}, grid=grid, training=training)
        paths = {"features": folder / "features/plain.h5", "split": folder / "held-out.csv", "out": folder / "out"}
        options = {"also": [], "device": "cpu", "extensions": [], "threads": 1}
        train.main(argparse.Namespace(recipe=asked, name="one/all", **options, **paths))
        record = json.loads((folder / "out/trained.json").read_text())
        with h5py.File(folder / "out/history.h5") as file:
            histories[name] = record["trials"], file["curves"][:].tolist()
    assert histories["mixed"] == histories["grown"]
    assert "14 of 40 microstructures have no growth run" in capsys.readouterr().out
