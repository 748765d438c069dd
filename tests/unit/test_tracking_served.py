"""Logged models in a process that has nothing of the project: the same probabilities, from frames and raw files."""

import csv
import json
import os
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from graincast import models as modules
from graincast import serving, splits
from graincast.boundaries import cut
from graincast.features import table
from graincast.features.columns import features
from graincast.microstructure import BadInput
from graincast.models.trained import read_models
from graincast.raw import deepspparks
from graincast.tracking.served_models import example, packed
from tests.synthetic import graph
from tests.tracked import ABOUT, job_of, one_execution, runs_of, settings_of, tell, train_and_test

COLUMNS = ["type", "degree", "area", "red_area"]
ABOUT_RAW = {**ABOUT, "recipe": {"hops": 2, "features": {"columns": COLUMNS}}}
MODELS = {
    "sgc": ({"threshold": [2], "hops": [1], "learning_rate": [0.1], "weight_decay": [0], "seed": [0]}, {}),
    "gat": ({"threshold": [2], "learning_rate": [0.01], "weight_decay": [0], "seed": [0]}, {}),
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
mlflow.set_tracking_uri(given["store"])
answers = []
for uri in given["models"]:
    model = mlflow.pyfunc.load_model(uri)
    frames = [pd.DataFrame({"path": given["paths"]}), pd.read_json(given["frame"]), model.input_example]
    answers.append([model.predict(frame).to_dict("list") for frame in frames])
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module", params=MODELS)
def trained(request, tmp_path_factory):
    """Raw JSON graphs, a model trained on them, and MLflow told of it."""
    root = tmp_path_factory.mktemp(request.param)
    raw = root / "raw"
    raw.mkdir()
    parts = []
    for i in range(24):
        (raw / f"g{i:02d}.json").write_text(json.dumps(graph(i)))
        one = cut(deepspparks.read(raw / f"g{i:02d}.json", f"g{i:02d}.json"), 2)
        x = features(one, COLUMNS)
        edge_x = one.boundary_length[:, None].astype(float)
        ratio = np.stack([area[-1] / area[0] for area in one.areas])
        ratio[:, one.candidate] = 1 + 2 * (i % 2)
        given = {"name": one.name, "x": x, "candidate": one.candidate, "edges": one.edges, "edge_x": edge_x}
        parts.append({**given, "growth_ratio": ratio})
    data = table.assemble(COLUMNS, parts)
    path = root / "results" / "datasets" / "made" / "features" / "three.h5"
    table.write(path, data)
    split = root / "split.csv"
    splits.write(split, data.name, splits.by_folds(data.name, 2, 1, 0.3, 0))
    axes, _ = MODELS[request.param]
    train_and_test(root, path, split, request.param, axes, TRAINING[request.param], kind="abnormal", aggregate="mean")
    tell("store", settings_of(root))
    one_execution(root, about=ABOUT_RAW)
    return root, raw, data, request.param


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


def test_a_served_model_predicts_the_same_with_nothing_of_the_project(trained, tmp_path):
    root, raw, data, _ = trained
    frame = tmp_path / "frame.json"
    frame_of(data).to_json(frame, orient="records")
    _, _, children = runs_of(root)
    (child,) = children.values()
    uris = ["models:/graincast.one-t2@champion", f"models:/{child.outputs.model_outputs[0].model_id}"]
    paths = [str(raw / name) for name in data.name]
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "MLFLOW_TRACKING_URI")}
    models = read_models(job_of(root) / "models.pt")[child.info.run_name]
    module = modules.load(child.data.params["model"])
    expected = np.mean([module.predict(model, data) for model in models.values()], axis=0)
    given = {"store": settings_of(root)["store"], "models": uris, "paths": paths, "frame": str(frame)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", SERVE],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for from_raw, from_frame, from_example in json.loads(done.stdout):
        assert from_raw["microstructure"] == paths
        assert from_frame["microstructure"] == data.name
        np.testing.assert_allclose(from_raw["probability_abnormal"], expected, rtol=1e-6)
        np.testing.assert_allclose(from_frame["probability_abnormal"], expected, rtol=1e-6)
        assert len(from_example["probability_abnormal"]) == 1


def test_it_is_the_mean_of_what_stands_in_the_predictions(trained):
    """predictions.csv has each partition's own; of a test part, that of the partition whose test part it is in."""
    root, _, data, name = trained
    with (job_of(root).parents[1] / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = read_models(job_of(root).parents[1] / "model.pt")
    about = {"model": name, "columns": COLUMNS, "kind": "abnormal", "grains": "candidate", "recipe": None}
    for key, of in kept.items():
        partition = key.partition("/")[2]
        served = serving.predict(frame_of(data), about, {partition: of["model"]})
        by_name = dict(zip(served["microstructure"], served["probability_abnormal"], strict=True))
        mine = [row for row in rows if row["partition"] == partition]
        assert mine
        for row in mine:
            assert by_name[row["microstructure"]] == pytest.approx(float(row["probability"]), rel=1e-6)


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
        serving.predict(change(example(("a",))), ABOUT_FRAME, {})


def test_the_packed_sources_are_complete_and_the_same_each_time(tmp_path):
    assert packed("sgc") == packed.__wrapped__("sgc")
    (tmp_path / "a.zip").write_bytes(packed("sgc"))
    names = zipfile.ZipFile(tmp_path / "a.zip").namelist()
    assert "graincast/serving.py" in names and "graincast/models/sgc.py" in names
    assert not any(name.startswith(("scripts", "graincast/tracking")) for name in names)
    assert "graincast/shards.py" not in names
