"""A real PostgreSQL, a real `mlflow server` with accounts on it, and trained trials to tell it of."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graincast.experiment import splits
from graincast.features import table
from tests.tables import feature_table

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL of these tests' own."""
    from tests.server.postgresql import Cluster

    one = Cluster()
    yield one
    one.remove()


@pytest.fixture(scope="session")
def server(cluster, tmp_path_factory):
    """A server on it, up."""
    from tests.server.tracking_server import TrackingServer

    one = TrackingServer(tmp_path_factory.mktemp("server") / "tracked", cluster, TRACKING_WORKERS=2)
    try:
        yield one.start()
    finally:
        one.stop()


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """The folder of an experiment "one" with one training job of one trial, and its evaluation."""
    root = tmp_path_factory.mktemp("trained")
    features, split, experiment = root / "three.h5", root / "split.csv", root / "results" / "experiments" / "one"
    data = feature_table(40)
    table.write(features, data)
    splits.write(split, data.name, splits.k_fold(data.name, 2, 1, 0.3, 0))
    grid = {"threshold": [8], "propagation_steps": [1], "learning_rate": [0.1], "weight_decay": [0], "seed": [0]}
    given = ["--features", features, "--split", split, "--model", "sgc"]
    settings = {
        "--target": {"aggregate": "mean", "fraction": 0.5},
        "--grid": grid,
        "--training": {"iterations": 30, "evaluate_every": 10},
    }
    as_json = [text for name, value in settings.items() for text in (name, json.dumps(value))]
    job = experiment / "trials" / "all"
    for command in (
        ["scripts.train", "--name", "one/all", *given, *as_json, "--out", job],
        ["scripts.evaluate", "--trials", job, *given, "--select", "nll", "--out", experiment],
    ):
        done = subprocess.run([sys.executable, "-m", *map(str, command)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return experiment


@pytest.fixture
def experiment(trained, tmp_path):
    """experiment(name): a copy of the experiment under another name, in a folder of results of its own."""

    def make(name: str) -> Path:
        folder = tmp_path / name / "experiments" / name
        shutil.copytree(trained, folder)
        for record in (folder / "trials" / "all" / "trials.json", folder / "test_metrics.json"):
            content = json.loads(record.read_text(encoding="utf-8"))
            record.write_text(json.dumps(content | {"experiment": name}), encoding="utf-8")
        return folder

    return make
