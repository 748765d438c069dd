"""Logged models in a process that has nothing of the project: the same probabilities, from frames and raw files."""

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
from graincast.tracking.model_folder import example, packed
from tests.synthetic import graph
from tests.tracked import ABOUT, job_of, one_execution, runs_of, settings_of, tell, train_and_test
from tests.unit.test_spparks import write_run

COLUMNS = ["type", "degree", "area", "red_area"]
ABOUT_RAW = {**ABOUT, "recipe": {"hops": 2, "features": {"columns": COLUMNS}}}
THRESHOLD, RATE = {"threshold": [2]}, {"learning_rate": [0.1], "weight_decay": [0], "seed": [0]}
MODELS = {
    "sgc": ("sgc", {**THRESHOLD, "propagation_steps": [1], **RATE}, {"kind": "abnormal"}),
    "gat": ("gat", {**THRESHOLD, **RATE}, {"kind": "abnormal"}),
    "growth-ratio": ("sgc", {"propagation_steps": [1], **RATE}, {"kind": "growth-ratio"}),
    "all-grains": ("gat", RATE, {"kind": "growth-ratio", "grains": "all"}),
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
given = json.load(sys.stdin)
answers = []
for store, uris in given["models"]:
    mlflow.set_tracking_uri(store)
    for uri in uris:
        model = mlflow.pyfunc.load_model(uri)
        frames = [pd.DataFrame({"path": given["paths"]}), pd.read_json(given["frame"]), model.input_example]
        answers.append([model.predict(frame).to_dict("list") for frame in frames])
    needed = mlflow.pyfunc.get_model_dependencies(uri)
    assert "torch==" in open(needed).read()
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> list[Path]:
    """Raw JSON graphs, and behind them a SPPARKS run folder."""
    folder = tmp_path_factory.mktemp("raw")
    paths = [folder / f"g{i:02d}.json" for i in range(24)]
    for i, path in enumerate(paths):
        path.write_text(json.dumps(graph(i)))
    write_run(folder / "spparks")
    return [*paths, folder / "spparks"]


@pytest.fixture(scope="module")
def data(raw):
    """The feature table of all of them, the JSON graphs' growth ratios set to be learned."""
    parts = []
    for i, path in enumerate(raw):
        one = k_hop_subgraph((spparks.read if path.is_dir() else deepspparks.read)(path, path.name), 2)
        ratio = np.stack([area[-1] / area[0] for area in one.areas])
        ratio[:, one.candidate] = 1 + 2 * (i % 2)
        given = {"name": one.name, "x": features(one, COLUMNS), "candidate": one.candidate, "edges": one.edges}
        parts.append({**given, "edge_x": one.boundary_length[:, None].astype(float), "growth_ratio": ratio})
    return table.assemble(COLUMNS, parts)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> dict[str, Path]:
    """Each kind of model trained on the table, and MLflow told of it: the folders."""
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
            tell("store", settings_of(root))
        one_execution(root, about=ABOUT_RAW)
    return roots


def frame_of(data) -> pd.DataFrame:
    """A feature table as rows of grains, neighbours in another order."""
    rows = []
    for g, name in enumerate(data.name):
        nodes = slice(*data.node_ptr[g : g + 2])
        own = slice(*data.edge_ptr[g : g + 2])
        edges, lengths = data.edges[own][::-1], data.edge_x[own][::-1, 0]
        for i, x in enumerate(data.x[nodes]):
            mine = edges[:, 0] == i
            row = {"microstructure": name, "grain": 100 + i, "candidate": bool(data.candidate[nodes][i])}
            row |= {"neighbours": (100 + edges[mine, 1]).tolist(), "boundary_length": lengths[mine].tolist()}
            rows.append({**row, **dict(zip(data.columns, x.tolist(), strict=True))})
    return pd.DataFrame(rows)


def test_served_models_predict_the_same_with_nothing_of_the_project(trained, raw, data, tmp_path):
    """Those of trials and the registered ones, from paths of raw files, from rows of grains, from their own example."""
    frame = tmp_path / "frame.json"
    frame_of(data).to_json(frame, orient="records")
    models, expected = [], []
    for kind, root in trained.items():
        model, axes, target = MODELS[kind]
        _, _, children = runs_of(root)
        (child,) = children.values()
        name = "graincast.one-t2" if "threshold" in axes else "graincast.one"
        of_run = child.outputs.model_outputs[0].model_id
        models.append((settings_of(root)["store"], [f"models:/{name}@champion", f"models:/{of_run}"]))
        kept = read_models(job_of(root) / "models.pt")[child.info.run_name]
        values = np.mean([by_name.load(model).predict(one, data) for one in kept.values()], axis=0)
        expected += 2 * [(OUTPUT[target["kind"]], "grains" in target, values)]
    given = {"models": models, "paths": [str(path) for path in raw], "frame": str(frame)}
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "MLFLOW_TRACKING_URI")}
    command = [sys.executable, "-P", "-c", SERVE]
    how = {"input": json.dumps(given), "capture_output": True, "text": True, "cwd": tmp_path, "env": environment}
    done = subprocess.run(command, **how, check=False)
    assert done.returncode == 0, done.stderr
    owner = np.repeat(np.arange(len(raw)), np.diff(data.node_ptr))
    for answers, (output, all_grains, values) in zip(json.loads(done.stdout), expected, strict=True):
        rows = owner if all_grains else range(len(raw))
        for answer, names in zip(answers, (given["paths"], data.name), strict=False):
            assert answer["microstructure"] == [names[i] for i in rows]
            np.testing.assert_allclose(answer[output], values, rtol=1e-5)
        assert len(answers[2][output]) == (4 if all_grains else 1)
        if all_grains:
            assert answers[0]["grain"] != answers[1]["grain"]  # ids of the files, and those that the frame gave
            assert answers[2]["grain"] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", ["sgc", "gat"])
def test_it_is_the_mean_of_what_stands_in_the_predictions(trained, data, name):
    """predictions.csv has each fold's own; of a test part, that of the fold whose test part it is in."""
    root = trained[name]
    with (job_of(root).parents[1] / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = read_models(job_of(root).parents[1] / "model.pt")
    about = {"model": name, "columns": COLUMNS, "kind": "abnormal", "grains": "candidate", "recipe": None}
    for key, of in kept.items():
        fold = key.partition("/")[2]
        served = predict.predict(frame_of(data), about, {fold: of["model"]})
        by_name = dict(zip(served["microstructure"], served["probability_abnormal"], strict=True))
        mine = [row for row in rows if row["fold"] == fold]
        assert mine
        for row in mine:
            assert by_name[row["microstructure"]] == pytest.approx(float(row["probability_abnormal"]), rel=1e-6)


@pytest.mark.parametrize("kind", MODELS)
def test_parameters_read_without_torch_are_the_same_but_for_tensors(trained, kind):
    def bare(one):
        if isinstance(one, dict):
            return {key: bare(value) for key, value in one.items()}
        return None if isinstance(one, torch.Tensor) else one

    path = job_of(trained[kind]) / "models.pt"
    found = parameters.without_tensors(path)
    assert found == bare(read_models(path))
    (trial,) = found
    assert parameters.of_job(path, [trial])[trial].file == path
    assert parameters.of_job(path, [trial, "other"])[trial].file is None


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_a_file_that_holds_no_models_is_named(tmp_path, content):
    (tmp_path / "models.pt").write_bytes(content)
    with pytest.raises(BadInput, match=r"models\.pt: not a file of trained models"):
        parameters.of_job(tmp_path / "models.pt", ["one"])


ABOUT_FRAME = {"model": "sgc", "columns": ["a"], "kind": "abnormal", "grains": "candidate", "recipe": None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="a"), "the data lack the column a"),
        (lambda f: f.assign(candidate=False), "0 candidate grains, not one"),
        (lambda f: f.assign(neighbours=[[9]] * 4), "neighbour 9 is none of its grains"),
        (lambda f: f.assign(boundary_length=[[1.0]] * 4), "4 boundary lengths, but 12 neighbours"),
        (lambda f: pd.DataFrame({"path": ["x.json"]}), "no recipe for raw files"),
    ],
)
def test_a_frame_of_neither_form_is_refused_in_one_line(change, message):
    with pytest.raises(BadInput, match=message):
        predict.predict(change(example(("a",))), ABOUT_FRAME, {})


def test_the_packed_sources_are_complete_and_the_same_each_time(tmp_path):
    assert packed.__wrapped__() == packed.__wrapped__()
    (tmp_path / "a.zip").write_bytes(packed())
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert {"graincast/prediction/predict.py", "graincast/models/sgc.py", "graincast/models/gat.py"} <= set(names)
    assert not any(name.startswith(("scripts", "graincast/tracking")) for name in names)
    assert "graincast/graphs/shards.py" not in names
