"""A trained model applied to maps: what is written, what is said, and what is refused."""

import csv
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import h5py
import numpy as np
import pytest

from graincast.command import main
from graincast.experiment import splits
from graincast.features import table
from graincast.features.rows import row
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.models import by_name
from graincast.prediction import trained_model
from graincast.raw import spparks
from graincast.raw.spparks_writing import write_initial
from tests.synthetic import voronoi
from tests.tables import microstructure
from tests.tracked import experiment_of, train_and_test

COLUMNS = ["type", "degree", "area"]
RAW = {"hops": 2, "nodes": COLUMNS, "edges": ["boundary_length"], "reading": {"source": "spparks"}}
FRACTION = "{by: fraction, red: 0.4, seed: 3}"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder with the results of an experiment, sgc on 24 graphs of 20 grains, 2 folds, all 0.5 µm a site."""
    root = tmp_path_factory.mktemp("trained")
    rows = []
    for seed in range(24):
        one = row(k_hop_subgraph(microstructure(f"m{seed:02d}", seed, size=30, grains=20), 2), COLUMNS)
        one["growth_ratio"][:, one["candidate"]] = 1 + 2 * (seed % 2)
        rows.append(one | {"spacing": 0.5})
    data = table.assemble(COLUMNS, rows)
    path, split = root / "results/datasets/made/features/three.h5", root / "split.csv"
    table.write(path, data)
    splits.write(split, data.name, splits.k_fold(data.name, 2, 1, 0.3, 0))
    axes = {"threshold": [2], "propagation_steps": [1], "learning_rate": [0.1], "weight_decay": [0], "seed": [0]}
    train_and_test(
        root, path, split, "sgc", axes, {"iterations": 30, "evaluate_every": 10}, RAW, kind="abnormal", aggregate="mean"
    )
    return root


@pytest.fixture
def data(tmp_path) -> Path:
    """Two maps as SPPARKS's initial states, without growth, of different size."""
    for name, shape, seed in (("fine", (30, 30), 1), ("wide", (20, 36), 2)):
        labels = voronoi(36, 20, np.random.default_rng(seed))[: shape[0], : shape[1]]
        labels = np.unique(labels, return_inverse=True)[1].reshape(shape) + 1
        types = np.where(np.arange(labels.max() + 1) % 3, 1, 2)
        types[1] = 0
        write_initial(tmp_path / "data" / name / "initial.dream3d", labels, types, 0.3)
    return tmp_path / "data"


def predict(root: Path, data: Path, out: Path, *arguments: str) -> list[dict[str, str]]:
    model = str(experiment_of(root) / "model.h5")
    main(["predict", "--model", model, "--data", str(data), "--out", str(out), *arguments])
    with (out / "predictions.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_candidate_is_predicted_as_by_each_model_of_the_ensemble(root, data, tmp_path):
    model = trained_model.load(experiment_of(root) / "model.h5")
    for one in predict(root, data, tmp_path / "out"):
        graph = k_hop_subgraph(spparks.read(data / one["map"], one["map"]), 2)
        features = table.assemble(COLUMNS, [row(graph, COLUMNS)])
        by_fold = [by_name.load("sgc").predict(fold, features)[0] for fold in model.models.values()]
        assert len(by_fold) == 2
        assert float(one["probability_abnormal"]) == pytest.approx(np.mean(by_fold), rel=1e-5)
        assert float(one["spread"]) == pytest.approx(np.std(by_fold), rel=1e-4, abs=1e-9)


def test_every_grain_is_a_candidate_of_its_own(root, data, tmp_path):
    rows = predict(root, data, tmp_path / "out", "--types", FRACTION, "--candidates", "all", "--periodic", "[no, no]")
    expected = {name: spparks.read(data / name, name, periodic=(False, False)) for name in ("fine", "wide")}
    assert len(rows) == sum(one.grain_id.size for one in expected.values())
    for one in rows:
        of_map = expected[one["map"]]
        assert one["microstructure"] == f"{one['map']}@{one['grain']}"
        index = of_map.grain_id.tolist().index(int(one["grain"]))
        assert (one["border"] == "true") == of_map.border[index]
        assert (one["small"] == "true") == (of_map.area[index] < 10)


def test_tables_and_files_for_paraview_hold_the_same_numbers(root, data, tmp_path):
    out = tmp_path / "out"
    rows = {one["map"]: one for one in predict(root, data, out, "--spacing", "0.5")}
    for name, one in rows.items():
        of_map = spparks.read(data / name, name)
        with (out / f"{name}.grains.csv").open() as file:
            grains = {grain["grain"]: grain for grain in csv.DictReader(file)}
        assert [int(grain["area"]) for grain in grains.values()] == of_map.area.tolist()
        assert [float(grain["area_um2"]) for grain in grains.values()] == (of_map.area / 4).tolist()
        given = {key for key, grain in grains.items() if grain["probability_abnormal"]}
        assert given == {one["grain"]} and grains[one["grain"]]["probability_abnormal"] == one["probability_abnormal"]

        document = ElementTree.parse(out / f"{name}.xdmf").getroot()
        dimensions = document.find(".//Topology").get("Dimensions")
        assert dimensions == f"2 {of_map.labels.shape[0] + 1} {of_map.labels.shape[1] + 1}"
        items = {part.get("Name"): part.find("DataItem") for part in document.iter("Attribute")}
        assert items.keys() >= {"grain", "area", "probability_abnormal"}
        for item in items.values():
            file, _, array = item.text.partition(":/")
            with h5py.File(out / file) as stored:
                assert stored[array].shape == tuple(map(int, item.get("Dimensions").split()))[1:]
        with h5py.File(out / f"{name}.h5") as stored:
            np.testing.assert_array_equal(stored["grain"], of_map.grain_id[of_map.labels - 1])
            at = of_map.labels == of_map.candidate_index + 1
            assert np.isfinite(stored["probability_abnormal"]).tolist() == at.tolist()
        assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_beyond_the_training_data_both_ranges_are_named(root, tmp_path, capsys):
    labels = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((40, 40), int))
    write_initial(tmp_path / "coarse" / "initial.dream3d", labels, np.array([0, 0, 1, 2, 1, 2, 1, 2, 1, 2]), 0.5)
    predict(root, tmp_path / "coarse", tmp_path / "out")
    said = capsys.readouterr().out
    assert "beyond the training data: mean area is 1600, in training " in said and " sites" in said


def test_a_bad_map_is_set_aside_with_its_reason(root, data, tmp_path, capsys):
    (data / "cut").mkdir()
    (data / "cut" / "initial.dream3d").write_bytes((data / "fine" / "initial.dream3d").read_bytes()[:900])
    assert {one["map"] for one in predict(root, data, tmp_path / "out")} == {"fine", "wide"}
    with (tmp_path / "out" / "rejected.csv").open() as file:
        (rejected,) = csv.DictReader(file)
    assert rejected["file"] == "cut" and "cut short" in rejected["reason"]
    assert "rejected: cut: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--spacing", "0.25"], "apart, but the model was trained at 0.5 µm and its feature area is in sites"),
        (["--candidates", "all"], "is typed as the candidate, but it is not grain"),
        (["--candidates", "{ids: [900]}"], "no grain 900 among"),
        (["--source", "sparks"], "'sparks' is none of"),
        (["--source", "simulate"], "no effect with source simulate"),
        (["--types", "{by: fracton}"], "did you mean 'fraction'?"),
        (["--slice", "{axis: z, index: 0}"], "slice: no effect with source spparks"),
        (["--threshold", "9"], "holds models for the thresholds 2"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(root, data, tmp_path, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        predict(root, data, tmp_path / "out", *arguments)
    assert stopped.value.code == 1
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert line.startswith("graincast: error: ") and message in line
    assert not (tmp_path / "out").exists()


def test_a_graph_that_was_cut_more_tightly_than_in_training_is_refused(root, tmp_path, capsys):
    from graincast.raw.deepspparks_writing import write_folder

    cut = k_hop_subgraph(microstructure("a", 1, size=40, grains=60), 1)
    write_folder(tmp_path / "json", [cut])
    with pytest.raises(SystemExit):
        predict(root, tmp_path / "json", tmp_path / "out", "--source", "deepspparks-json")
    assert "the graph was cut, but the model was trained on graphs of 2 hops" in capsys.readouterr().err


def test_an_absent_model_is_one_line_and_trains_nothing(root, data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(root)
    for model, message in (
        ("tow", "results/experiments/tow/model.h5 is not there; train the experiment first (make), or name one of one"),
        ("else/model.h5", "no such file; give a trained model's file or the name of an experiment"),
        ("models:/nobody@champion", "not to be had from the tracking store"),
    ):
        with pytest.raises(SystemExit):
            main(["predict", "--model", model, "--data", str(data), "--out", str(tmp_path / "out")])
        assert message in capsys.readouterr().err.strip().splitlines()[-1]


def test_a_folder_with_other_files_is_not_replaced(root, data, tmp_path, capsys):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").write_text("mine")
    with pytest.raises(SystemExit):
        predict(root, data, tmp_path / "out")
    assert "there already, and not a prediction's folder" in capsys.readouterr().err
    assert (tmp_path / "out" / "precious.txt").read_text() == "mine"


def test_the_same_input_gives_the_same_bytes(root, data, tmp_path):
    for out in ("a", "b"):
        predict(root, data, tmp_path / out)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
