"""A real PostgreSQL, a real `mlflow server` with accounts on it, and trained trials to log."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graincast.experiment import splits
from graincast.features import table
from tests.recipes import recipe_file
from tests.tables import feature_table

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cluster():
    """A private PostgreSQL for these tests."""
    from tests.server.postgresql import Cluster

    postgresql = Cluster()
    yield postgresql
    postgresql.remove()


@pytest.fixture(scope="session")
def server(cluster, tmp_path_factory):
    """A running server on PostgreSQL."""
    from tests.server.tracking_server import TrackingServer

    tracking_server = TrackingServer(tmp_path_factory.mktemp("server") / "tracked", cluster, TRACKING_WORKERS=2)
    try:
        yield tracking_server.start()
    finally:
        tracking_server.stop()


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """The folder of an experiment "one", evaluated, with one training job of one trial."""
    root = tmp_path_factory.mktemp("trained")
    features, split, experiment = root / "three.h5", root / "split.csv", root / "results" / "experiments" / "one"
    data = feature_table(40)
    table.write(features, data)
    splits.write(split, data.name, splits.k_fold(data.name, 2, 1, 0.3, 0))
    grid = {"threshold": [8], "propagation_steps": [1], "learning_rate": [0.1], "weight_decay": [0], "seed": [0]}
    inputs = ["--features", features, "--split", split]
    training = recipe_file(
        root / "train.json",
        model="sgc",
        target={"aggregate": "mean", "fraction": 0.5},
        grid=grid,
        training={"iterations": 30, "evaluate_every": 10},
    )
    evaluation = recipe_file(root / "evaluate.json", model="sgc", select="nll")
    job = experiment / "trials" / "all"
    measured = ["--trained", job / "trained.json", "--validation", job / "validation.h5", "--out", job / "trials.json"]
    for command in (
        ["scripts.train", "--recipe", training, "--name", "one/all", *inputs, "--out", job],
        ["scripts.measure", *measured],
        ["scripts.evaluate", "--recipe", evaluation, "--trials", job, *inputs, "--out", experiment],
    ):
        done = subprocess.run([sys.executable, "-m", *map(str, command)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return experiment


@pytest.fixture
def experiment(trained, tmp_path):
    """experiment(name): a copy of the experiment under another name, in its own results folder."""

    def copy(name: str) -> Path:
        folder = tmp_path / name / "experiments" / name
        shutil.copytree(trained, folder)
        for record in (folder / "trials" / "all" / "trials.json", folder / "test_metrics.json"):
            content = json.loads(record.read_text(encoding="utf-8"))
            record.write_text(json.dumps(content | {"experiment": name}), encoding="utf-8")
        return folder

    return copy
