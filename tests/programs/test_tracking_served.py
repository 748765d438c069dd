"""Champions give the same predictions where the project is not installed, from data frames and raw files."""

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import graincast
from graincast.experiment import declaration, splits
from graincast.features import table
from graincast.features.rows import row
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.prediction import packing
from graincast.prediction.columns import OUTPUT
from graincast.prediction.trained_model import TrainedModel
from graincast.raw import deepspparks, spparks
from graincast.tracking.served_frames import example, signature
from graincast.vision import table as vision_table
from tests.synthetic import graph
from tests.tracked import experiment_of, log_execution, run_track, settings_of, train_and_test
from tests.unit.test_spparks import write_run

COLUMNS = ["type", "degree", "area", "red_area"]
RAW = {"hops": 2, "reading": {"source": "deepspparks-json"}, "nodes": COLUMNS, "edges": ["boundary_length"]}
THRESHOLD, OPTIMISER = {"threshold": [2]}, {"learning_rate": [0.1], "weight_decay": [0], "seed": [0]}
MODELS = {
    "sgc": ("sgc", {**THRESHOLD, "propagation_steps": [1], **OPTIMISER}, {"kind": "abnormal"}),
    "gat": ("gat", {**THRESHOLD, **OPTIMISER}, {"kind": "abnormal"}),
    "growth-ratio": ("sgc", {"propagation_steps": [1], **OPTIMISER}, {"kind": "growth-ratio"}),
    "all-grains": ("gat", OPTIMISER, {"kind": "growth-ratio", "grains": "all"}),
}
QUICK = {"iterations": 20, "evaluate_every": 10, "epochs": 2, "hidden": 4}


def training_of(model: str) -> dict:
    """The default training settings of a model, with few iterations."""
    return {key: QUICK.get(key, setting["default"]) for key, setting in declaration.read(model).training.items()}


SERVE = """
import importlib.util, json, sys, mlflow, mlflow.pyfunc, pandas as pd
assert importlib.util.find_spec("graincast") is None
inputs = json.load(sys.stdin)
predictions = []
for store, uris in inputs["models"]:
    mlflow.set_tracking_uri(store)
    for uri in uris:
        model = mlflow.pyfunc.load_model(uri)
        frames = [pd.DataFrame({"path": inputs["paths"]}), pd.read_json(inputs["frame"]), model.input_example]
        predictions.append([model.predict(frame).to_dict("list") for frame in frames])
    requirements = mlflow.pyfunc.get_model_dependencies(uri)
    assert "torch==" in open(requirements).read()
json.dump(predictions, sys.stdout)
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> list[Path]:
    """Raw JSON graphs, then a SPPARKS run folder."""
    folder = tmp_path_factory.mktemp("raw")
    paths = [folder / f"g{i:02d}.json" for i in range(24)]
    for i, path in enumerate(paths):
        path.write_text(json.dumps(graph(i)))
    write_run(folder / "spparks")
    return [*paths, folder / "spparks"]


@pytest.fixture(scope="module")
def data(raw):
    """The feature table of all raw data; every second candidate grain grows abnormally."""
    rows = []
    for i, path in enumerate(raw):
        read = spparks.read if path.is_dir() else deepspparks.read
        microstructure = k_hop_subgraph(read(path, path.name), 2)
        one = row(microstructure, COLUMNS)
        one["growth_ratio"][:, microstructure.candidate] = 1 + 2 * (i % 2)
        rows.append(one)
    return table.assemble(COLUMNS, rows)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> dict[str, Path]:
    """The root folder of each kind of model, trained on the table and logged to MLflow."""
    roots = {kind: tmp_path_factory.mktemp(kind) for kind in MODELS}
    first = next(iter(roots.values()))
    path, split = first / "results" / "datasets" / "made" / "features" / "three.h5", first / "split.csv"
    table.write(path, data)
    splits.write(split, data.name, splits.k_fold(data.name, 2, 1, 0.3, 0))
    for kind, root in roots.items():
        model, axes, target = MODELS[kind]
        train_and_test(root, path, split, model, axes, training_of(model), RAW, **target, aggregate="mean")
        if root != first:
            shutil.copy(first / "mlflow.db", root)
        else:
            run_track("store", settings_of(root))
        log_execution(root)
    return roots


def frame_of(data) -> pd.DataFrame:
    """A feature table as one row per grain, with the neighbours in reverse order."""
    rows = []
    for g, name in enumerate(data.name):
        nodes, graph_edges = slice(*data.node_ptr[g : g + 2]), slice(*data.edge_ptr[g : g + 2])
        edges, lengths = data.edges[graph_edges][::-1], data.edge_x[graph_edges][::-1, 0]
        for i, x in enumerate(data.x[nodes]):
            from_grain = edges[:, 0] == i
            row = {"microstructure": name, "grain": 100 + i, "candidate": bool(data.candidate[nodes][i])}
            row |= {"neighbours": (100 + edges[from_grain, 1]).tolist()}
            row |= {"boundary_length": lengths[from_grain].tolist()}
            rows.append({**row, **dict(zip(data.columns, x.tolist(), strict=True))})
    return pd.DataFrame(rows)


def test_champions_predict_the_same_where_the_project_is_not_installed(trained, raw, data, tmp_path):
    """From raw files, from one row per grain, and from their input example."""
    frame = tmp_path / "frame.json"
    frame_of(data).to_json(frame, orient="records")
    models, expected = [], []
    for kind, root in trained.items():
        model, axes, target = MODELS[kind]
        name = "graincast.one-t2" if "threshold" in axes else "graincast.one"
        models.append((settings_of(root)["store"], [f"models:/{name}@champion"]))
        fold_models = graincast.load(experiment_of(root) / "model.h5").models
        values = np.mean([by_name.load(model).predict(one, data) for one in fold_models.values()], axis=0)
        expected.append((OUTPUT[target["kind"]], "grains" in target, values))
    inputs = {"models": models, "paths": [str(path) for path in raw], "frame": str(frame)}
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "MLFLOW_TRACKING_URI")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", SERVE],
        input=json.dumps(inputs),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    owners = np.repeat(np.arange(len(raw)), np.diff(data.node_ptr))
    for predictions, (output, all_grains, values) in zip(json.loads(done.stdout), expected, strict=True):
        rows = owners if all_grains else range(len(raw))
        from_paths, from_frame, from_example = predictions
        for prediction, names in ((from_paths, inputs["paths"]), (from_frame, data.name)):
            assert prediction["microstructure"] == [names[i] for i in rows]
            np.testing.assert_allclose(prediction[output], values, rtol=1e-5)
        assert len(from_example[output]) == (4 if all_grains else 1)
        if all_grains:
            assert from_paths["grain"] != from_frame["grain"]  # ids from the raw files, and from the frame
            assert from_example["grain"] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["sgc", "gat"])
def test_the_model_of_each_fold_reproduces_the_fold_in_predictions_csv(trained, data, name):
    folder = experiment_of(trained[name])
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = graincast.load(folder / "model.h5")
    assert whole.about["metrics"]["2"]["count"] == sum(row["subset"] == "test" for row in rows)
    for fold, model in whole.models.items():
        served = TrainedModel(whole.about, {fold: model}, whole.ranges).predict(frame_of(data))
        probability = dict(zip(served["microstructure"], served["probability_abnormal"], strict=True))
        fold_rows = [row for row in rows if row["fold"] == fold]
        assert fold_rows
        for one in fold_rows:
            assert probability[one["microstructure"]] == pytest.approx(float(one["probability_abnormal"]), rel=1e-6)


def test_the_file_of_a_trained_model_says_what_it_is(trained, data):
    model = graincast.load(experiment_of(trained["gat"]) / "model.h5", threshold=2)
    assert model.about["fingerprint"] == data.fingerprint
    assert model.about["features"] == {"nodes": COLUMNS, "edges": ["boundary_length"]}
    assert (model.ranges["nodes"][:, 0] >= data.x.min(axis=0)).all()
    assert (model.ranges["edges"][:, 1] <= data.edge_x.max(axis=0)).all()
    assert (model.ranges["nodes"][:, 0] <= model.ranges["nodes"][:, 1]).all()


@pytest.mark.parametrize(("grains", "expected"), [("candidate", []), ("all", ["grain"])])
def test_the_signature_names_the_columns_of_predictions(grains, expected):
    about = {**ABOUT_FRAME, "target": {"kind": "abnormal", "grains": grains}}
    assert signature(about).outputs.input_names() == ["microstructure", *expected, "probability_abnormal"]


def test_only_models_that_use_edges_need_their_features(trained, data):
    model = graincast.load(experiment_of(trained["sgc"]) / "model.h5")
    assert model.about["features"] == {"nodes": COLUMNS, "edges": []}
    frame = frame_of(data)
    without = frame.drop(columns="boundary_length")
    pd.testing.assert_frame_equal(model.predict(without), model.predict(frame))


def test_a_file_of_another_kind_or_threshold_is_refused_in_one_line(trained, tmp_path):
    path = experiment_of(trained["sgc"]) / "model.h5"
    assert graincast.load(path, threshold="2.0").about == graincast.load(path).about
    with pytest.raises(BadInput, match=r"model\.h5: holds models for the thresholds 2; name one of them"):
        graincast.load(path, threshold=3)
    (tmp_path / "cut.h5").write_bytes(path.read_bytes()[:900])
    with pytest.raises(BadInput, match=r"cut\.h5: not an HDF5 file, or cut short"):
        graincast.load(tmp_path / "cut.h5")


def test_images_are_predicted_from_the_features_of_their_network(tmp_path):
    """An SVM on labelled images takes one row per image, and returns names of classes."""
    rng = np.random.default_rng(0)
    labels = ["In", "Cr"] * 15
    x = rng.normal(size=(30, 6)).astype(np.float32) + 3 * np.array([[label == "Cr"] for label in labels])
    images = vision_table.of_labelled([f"i{i:02d}" for i in range(30)], "vgg16", x.astype(np.float32), labels)
    path, split = tmp_path / "results/datasets/images/features/vgg16.h5", tmp_path / "split.csv"
    vision_table.write(path, images)
    splits.write(split, images.name, splits.k_fold(images.name, 2, 1, 0.3, 0))
    axes = {"variance": [0.9], "whiten": [False], "c": [1]}
    train_and_test(tmp_path, path, split, "svm", axes, {}, kind="label")
    run_track("store", settings_of(tmp_path))
    log_execution(tmp_path)
    model = graincast.load(experiment_of(tmp_path) / "model.h5")
    with pytest.raises(BadInput, match=r"model\.h5: its target has no threshold; leave it out"):
        graincast.load(experiment_of(tmp_path) / "model.h5", threshold=10)
    frame = pd.DataFrame({"microstructure": images.name, "fc1[6]": list(images.x)})
    assert (model.predict(frame)["predicted_class"] == labels).mean() > 0.9
    assert len(model.predict(example(model.about))) == 1
    with pytest.raises(BadInput, match="vision network, whose weights are not packed; pass one row per image"):
        model.predict("image.png")


ABOUT_FRAME = {
    "model": "sgc",
    "features": {"nodes": ["a"], "edges": ["boundary_length"]},
    "target": {"kind": "abnormal", "grains": "candidate"},
    "network": None,
    "raw": None,
    "why_not_raw": "as its features come from an encoder; pass one row per grain with its features",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="a"), "the column a is missing"),
        (lambda frame: frame.assign(candidate=False), "0 candidate grains; mark exactly one"),
        (lambda frame: frame.assign(neighbours=[[9]] * 4), "neighbour 9 is not one of its grains"),
        (
            lambda frame: frame.assign(neighbours=[[2], [1], [4], [1]]),
            "grains 3 and 4: must be each other's neighbours",
        ),
        (lambda frame: frame.assign(neighbours=[[2, 2], [1], [], []]), "grains 1 and 2: must be each other's neighb"),
        (lambda frame: frame.assign(neighbours=[[1], [], [], []]), "grains 1 and 1: must be each other's neighbours"),
        (
            lambda frame: frame.assign(neighbours=["2", "1", "", ""]),
            "column neighbours: needs a list of finite numbers",
        ),
        (lambda frame: frame.assign(neighbours=2), "column neighbours: needs a list of finite numbers"),
        (lambda frame: frame.assign(neighbours=None), "the column neighbours lacks values"),
        (lambda frame: frame.assign(candidate=[True, None, False, False]), "the column candidate lacks values"),
        (lambda frame: frame.assign(candidate="False"), "column candidate: holds text, not true or false"),
        (lambda frame: frame.assign(microstructure=["a", "a", "a", None]), "the column microstructure lacks values"),
        (lambda frame: frame.drop(columns="boundary_length"), "the column boundary_length is missing"),
        (lambda frame: frame.assign(boundary_length=None), "boundary_length: needs a list of finite numbers in each"),
        (lambda frame: [], "the column path lacks values; pass a raw file or folder in each row"),
        (lambda frame: frame.assign(path=["x.json", None, None, None]), "the column path lacks values"),
        (lambda frame: frame.assign(boundary_length=[[1.0]] * 4), "4 values of boundary_length, but 12 neighbours"),
        (lambda frame: frame.assign(a=[1.0, np.nan, 1.0, 1.0]), "column a: not all values are finite numbers"),
        (lambda frame: frame.assign(a=["x"] * 4), "column a: not all values are finite numbers"),
        (lambda frame: frame.assign(grain=1), "a grain has two rows"),
        (lambda frame: frame.iloc[:0], "the frame has no rows"),
        (lambda frame: pd.DataFrame({"path": ["x.json"]}), "cannot read raw files, as its features come from"),
    ],
)
def test_a_frame_of_neither_form_is_rejected_in_one_line(change, message):
    with pytest.raises(BadInput, match=message) as caught:
        TrainedModel(ABOUT_FRAME, {}, {}).predict(change(example(ABOUT_FRAME)))
    assert "\n" not in str(caught.value)


def test_a_class_that_one_fold_was_not_trained_on_may_be_predicted():
    about = {"model": "svm", "features": {"nodes": ["fc1[1]"], "edges": []}, "target": {"kind": "label"}, "raw": None}
    scores = {"first": [[-np.inf, 0.2, -np.inf]], "second": [[1.2, 0.1, -np.inf]]}
    model = TrainedModel({**about, "network": "vgg16", "classes": ["Cr", "In", "Pa"]}, scores, {})
    model._module = SimpleNamespace(predict=lambda fold, table: np.array(fold))
    frame = pd.DataFrame({"microstructure": ["a"], "fc1[1]": [[0.5]]})
    assert model.predict(frame)["predicted_class"].tolist() == ["Cr"]


@pytest.mark.parametrize("values", [[1.0], [np.nan, 1.0], "text", None, 3.0])
def test_features_of_images_are_lists_of_the_declared_length(values):
    about = {"model": "svm", "features": {"nodes": ["fc1[2]"], "edges": []}, "target": {"kind": "label"}, "raw": None}
    frame = pd.DataFrame({"microstructure": ["a", "b"], "fc1[2]": [[0.5, 1.0], values]})
    with pytest.raises(BadInput, match=r"the column fc1\[2\]: needs a list of "):
        TrainedModel({**about, "network": "vgg16"}, {}, {}).predict(frame)


def test_the_packed_sources_are_complete_and_reproducible(tmp_path):
    assert packing.packed("gat", []) == packing.packed("gat", [])
    (tmp_path / "a.zip").write_bytes(packing.packed("gat", []))
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    expected = {"prediction/trained_model.py", "models/gat.py", "models/gat.yaml", "models/graph_network.yaml"}
    assert {f"graincast/{name}" for name in expected} <= set(names)
    assert not any(name.startswith(("scripts", "graincast/tracking", "graincast/models/sgc")) for name in names)
    assert "graincast/graphs/shards.py" not in names
