"""Logged models give the same predictions where the project is not installed, from data frames and raw files."""

import csv
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from graincast.experiment import splits
from graincast.experiment.trained import read_models
from graincast.features import table
from graincast.features.nodes import features
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.prediction import predict
from graincast.prediction.columns import OUTPUT
from graincast.raw import deepspparks, spparks
from graincast.tracking import parameters
from graincast.tracking.model_folder import input_example, packed_sources
from tests.synthetic import graph
from tests.tracked import ABOUT, experiment_of, job_of, log_execution, run_track, runs_of, settings_of, train_and_test
from tests.unit.test_spparks import write_run

COLUMNS = ["type", "degree", "area", "red_area"]
ABOUT_RAW = {**ABOUT, "recipe": {"hops": 2, "features": {"columns": COLUMNS}}}
THRESHOLD, OPTIMISER = {"threshold": [2]}, {"learning_rate": [0.1], "weight_decay": [0], "seed": [0]}
MODELS = {
    "sgc": ("sgc", {**THRESHOLD, "propagation_steps": [1], **OPTIMISER}, {"kind": "abnormal"}),
    "gat": ("gat", {**THRESHOLD, **OPTIMISER}, {"kind": "abnormal"}),
    "growth-ratio": ("sgc", {"propagation_steps": [1], **OPTIMISER}, {"kind": "growth-ratio"}),
    "all-grains": ("gat", OPTIMISER, {"kind": "growth-ratio", "grains": "all"}),
}
TRAINING = {
    "sgc": {"iterations": 20, "evaluate_every": 10},
    "gat": {
        "epochs": 2,
        "batch_size": 8,
        "hidden": 4,
        "heads": 2,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "residual": False,
        "loss_grains": None,
        "patience": 0,
        "clip": None,
        "plateau_factor": 1.0,
        "plateau_patience": 10,
        "mixed_precision": False,
    },
}

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
        growth_ratio = np.stack([area[-1] / area[0] for area in microstructure.areas])
        growth_ratio[:, microstructure.candidate] = 1 + 2 * (i % 2)
        rows.append(
            {
                "name": microstructure.name,
                "x": features(microstructure, COLUMNS),
                "candidate": microstructure.candidate,
                "edges": microstructure.edges,
                "edge_x": microstructure.boundary_length[:, None].astype(float),
                "growth_ratio": growth_ratio,
            }
        )
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
        train_and_test(root, path, split, model, axes, TRAINING[model], **target, aggregate="mean")
        if root != first:
            shutil.copy(first / "mlflow.db", root)
        else:
            run_track("store", settings_of(root))
        log_execution(root, about=ABOUT_RAW)
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


def test_served_models_predict_the_same_where_the_project_is_not_installed(trained, raw, data, tmp_path):
    """Trials' models and registered models, from raw files, from one row per grain, and from their input example."""
    frame = tmp_path / "frame.json"
    frame_of(data).to_json(frame, orient="records")
    models, expected = [], []
    for kind, root in trained.items():
        model, axes, target = MODELS[kind]
        _, _, children = runs_of(root)
        (child,) = children.values()
        name = "graincast.one-t2" if "threshold" in axes else "graincast.one"
        model_id = child.outputs.model_outputs[0].model_id
        models.append((settings_of(root)["store"], [f"models:/{name}@champion", f"models:/{model_id}"]))
        fold_models = read_models(job_of(root) / "models.pt")[child.info.run_name].values()
        values = np.mean([by_name.load(model).predict(fold_model, data) for fold_model in fold_models], axis=0)
        expected += 2 * [(OUTPUT[target["kind"]], "grains" in target, values)]
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
    root = trained[name]
    with (experiment_of(root) / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    about = {"model": name, "columns": COLUMNS, "kind": "abnormal", "grains": "candidate", "recipe": None}
    for key, chosen in read_models(experiment_of(root) / "model.pt").items():
        fold = key.partition("/")[2]
        served = predict.predict(frame_of(data), about, {fold: chosen["model"]})
        probability = dict(zip(served["microstructure"], served["probability_abnormal"], strict=True))
        fold_rows = [row for row in rows if row["fold"] == fold]
        assert fold_rows
        for row in fold_rows:
            assert probability[row["microstructure"]] == pytest.approx(float(row["probability_abnormal"]), rel=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_parameters_read_without_torch_are_complete_except_for_tensors(trained, kind):
    def without_tensors(value):
        if isinstance(value, dict):
            return {key: without_tensors(item) for key, item in value.items()}
        return None if isinstance(value, torch.Tensor) else value

    path = job_of(trained[kind]) / "models.pt"
    models = parameters.read_without_tensors(path)
    assert models == without_tensors(read_models(path))
    (trial,) = models
    assert parameters.read_parameters(path, [trial])[trial].file == path
    assert parameters.read_parameters(path, [trial, "other"])[trial].file is None


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_a_file_without_models_is_named(tmp_path, content):
    (tmp_path / "models.pt").write_bytes(content)
    with pytest.raises(BadInput, match=r"models\.pt: not a file of trained models"):
        parameters.read_parameters(tmp_path / "models.pt", ["one"])


ABOUT_FRAME = {"model": "sgc", "columns": ["a"], "kind": "abnormal", "grains": "candidate", "recipe": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="a"), "the column a is missing"),
        (lambda frame: frame.assign(candidate=False), "0 candidate grains; mark exactly one"),
        (lambda frame: frame.assign(neighbours=[[9]] * 4), "neighbour 9 is not one of its grains"),
        (lambda frame: frame.assign(boundary_length=[[1.0]] * 4), "4 boundary lengths, but 12 neighbours"),
        (lambda frame: pd.DataFrame({"path": ["x.json"]}), "cannot read raw files; pass one row per grain"),
    ],
)
def test_a_frame_of_neither_form_is_rejected_in_one_line(change, message):
    with pytest.raises(BadInput, match=message):
        predict.predict(change(input_example(("a",))), ABOUT_FRAME, {})


def test_the_packed_sources_are_complete_and_reproducible(tmp_path):
    assert packed_sources.__wrapped__() == packed_sources.__wrapped__()
    (tmp_path / "a.zip").write_bytes(packed_sources())
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert {"graincast/prediction/predict.py", "graincast/models/sgc.py", "graincast/models/gat.py"} <= set(names)
    assert not any(name.startswith(("scripts", "graincast/tracking")) for name in names)
    assert "graincast/graphs/shards.py" not in names
