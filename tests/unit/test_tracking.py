"""MLflow in a real SQLite store: runs of trials, reruns, stores that do not answer, many writers at once."""

import argparse
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from mlflow import MlflowClient
from mlflow.entities import ViewType

from graincast import grid, splits
from graincast.features import table
from graincast.models import sgc
from graincast.models.trained import CURVES, read_models
from graincast.propagation import propagated
from scripts import evaluate, figures, track, train
from tests.tables import feature_table

ROOT = Path(__file__).parents[2]
GRID = {"threshold": [8], "hops": [1, 2], "learning_rate": [0.1], "weight_decay": [0], "seed": [0]}
TRAINING = {"iterations": 30, "evaluate_every": 10}
TRIALS = [grid.trial_name(point) for point in grid.points(GRID)]
ABOUT = {"description": "A made-up experiment", "dataset": "made", "model": "sgc"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A results folder with one experiment, trained and evaluated, and a fresh SQLite store beside it."""
    root = tmp_path_factory.mktemp("made")
    data = feature_table(40)
    features = root / "results" / "datasets" / "made" / "features" / "three.h5"
    table.write(features, data)
    split = root / "split.csv"
    splits.write(split, data.name, splits.by_folds(data.name, 2, 1, 0.3, 0))
    experiment = root / "results" / "experiments" / "one"
    job = experiment / "trials" / "all"
    given = {"features": features, "split": split, "model": "sgc"}
    target = {"aggregate": "mean", "share": 0.5}
    settings = {"target": target, "grid": GRID, "training": TRAINING, "threads": 1, "out": job}
    train.main(argparse.Namespace(name="one/all", **given, **settings))
    evaluate.main(argparse.Namespace(trials=[job], **given, select="nll", out=experiment))
    metrics = experiment / "test_metrics.json"
    figures.main(argparse.Namespace(trials=[job], metrics=metrics, out=experiment / "figures"))
    assert tell("store", settings_of(root)) == 0
    assert (root / "mlflow.db").is_file()
    return root


@pytest.fixture
def root(made, tmp_path):
    """A copy of it for one test."""
    shutil.copytree(made, tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def settings_of(root: Path, **other) -> dict:
    return {"store": f"sqlite:///{root}/mlflow.db", "experiment_prefix": "graincast/", "timeout": 300, **other}


def tell(what: str, settings: dict, folder: Path | None = None) -> int:
    """Run scripts.track in this process; its exit status."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow sets it
    given = {"tracking": settings, "folder": folder, "about": ABOUT, "results": folder, "never_fail": False}
    arguments = argparse.Namespace(what=what, **given)
    try:
        track.main(arguments)
    except SystemExit as stop:
        return stop.code
    finally:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    return 0


def job_of(root: Path) -> Path:
    return root / "results" / "experiments" / "one" / "trials" / "all"


def runs_of(root: Path) -> tuple[MlflowClient, list, dict]:
    """A client, the parent runs, and the runs under a parent by their trial's name."""
    client = MlflowClient(settings_of(root)["store"])
    experiment = client.get_experiment_by_name("graincast/one")
    runs = (
        list(client.search_runs([experiment.experiment_id], run_view_type=ViewType.ACTIVE_ONLY)) if experiment else []
    )
    parents = [run for run in runs if "graincast.parent" in run.data.tags]
    children = {run.data.tags["graincast.trial"]: run for run in runs if "graincast.trial" in run.data.tags}
    assert len(runs) == len(parents) + len(children)
    return client, parents, children


@pytest.fixture(scope="module")
def logged(made, tmp_path_factory):
    """A copy whose trials MLflow has been told of."""
    root = tmp_path_factory.mktemp("logged") / "root"
    shutil.copytree(made, root)
    assert tell("trials", settings_of(root), job_of(root)) == 0
    assert not (job_of(root) / track.UNSENT).exists()
    return root


def test_each_trial_is_a_run_under_one_parent(logged):
    record = json.loads((job_of(logged) / "trials.json").read_text())
    with h5py.File(job_of(logged) / "history.h5") as file:
        steps, curves = file["steps"][:], file["curves"][:].mean(axis=1)
    client, (parent,), children = runs_of(logged)
    assert set(children) == set(TRIALS)
    for i, trial in enumerate(record["trials"]):
        run = children[trial["trial"]]
        assert run.info.run_name == trial["trial"]
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.tags["graincast.dataset_fingerprint"] == feature_table(40).fingerprint
        assert run.data.tags["mlflow.note.content"] == ABOUT["description"]
        expected = {"model": "sgc", "dataset": "made", "features": "three", "split": "split", "aggregate": "mean"}
        expected |= {key: str(value) for key, value in {**trial["params"], **TRAINING}.items()}
        assert expected.items() <= run.data.params.items()
        for column, name in enumerate(CURVES):
            history = client.get_metric_history(run.info.run_id, name)
            assert {one.step: one.value for one in history} == dict(
                zip(steps.tolist(), curves[i, :, column], strict=True)
            )
        assert run.data.metrics["best_validation_nll"] == trial["validation"]["nll"]
        accuracies = client.get_metric_history(run.info.run_id, "partition_accuracy")
        assert [one.value for one in sorted(accuracies, key=lambda one: one.step)] == [
            measured["accuracy"] for measured in trial["by_partition"].values()
        ]
        files = {file.path for file in client.list_artifacts(run.info.run_id)}
        assert {"training_curves.png", "experiment.json", "trial.json"} <= files


SERVE = """
import importlib.util, json, sys, mlflow.pyfunc, pandas as pd
assert importlib.util.find_spec("graincast") is None
given = json.load(sys.stdin)
answer = []
for path in given["models"]:
    model = mlflow.pyfunc.load_model(path)
    names = model.metadata.get_input_schema().input_names()
    frame = pd.DataFrame(given["rows"].pop(0), columns=given["columns"])
    answer.append([names, model.predict(frame[names[::-1]])["probability_abnormal"].tolist()])
json.dump(answer, sys.stdout)
"""


def test_the_logged_model_predicts_the_same_without_the_project(logged, tmp_path):
    client, _, children = runs_of(logged)
    data = feature_table(25, seed=7)
    paths, rows, expected = [], [], []
    for name in TRIALS:
        (output,) = children[name].outputs.model_outputs
        paths.append(client.get_logged_model(output.model_id).artifact_location)
        models = read_models(job_of(logged) / "models.pt")[name]
        assert len(models) == 2
        z, s = propagated(data, [models["r1f1"]["hops"]])
        rows.append(np.column_stack([z[0], s[0]]).tolist())
        expected.append(np.mean([sgc.predict(model, data) for model in models.values()], axis=0))
    given = json.dumps({"models": paths, "rows": rows, "columns": [*data.columns, "weight"]})
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", SERVE],
        input=given,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for (names, probability), wanted in zip(json.loads(done.stdout), expected, strict=True):
        assert names == ["c0", "c1", "c2", "weight"]
        np.testing.assert_allclose(probability, wanted, rtol=1e-12)


def test_a_rerun_replaces_its_runs(logged, tmp_path):
    root = logged
    _, (parent,), before = runs_of(root)
    assert tell("trials", settings_of(root), job_of(root)) == 0
    client, (same_parent,), after = runs_of(root)
    assert same_parent.info.run_id == parent.info.run_id
    assert set(after) == set(before)
    for name, run in after.items():
        old = before[name].info.run_id
        assert run.info.run_id != old
        assert run.data.tags["graincast.replaces"] == old
        assert client.get_run(old).info.lifecycle_stage == "deleted"
    models = client.search_logged_models([parent.info.experiment_id])
    assert sorted(model.source_run_id for model in models) == sorted(run.info.run_id for run in after.values())


def test_an_experiment_tells_its_parent_run_and_drops_former_trials(root):
    job = job_of(root)
    settings, experiment = settings_of(root), job.parents[1]
    tell("trials", settings, job)
    record = json.loads((job / "trials.json").read_text())
    record["trials"] = record["trials"][:1]
    (job / "trials.json").write_text(json.dumps(record))
    assert tell("experiment", settings, experiment) == 0
    assert not (experiment / track.UNSENT).exists()
    client, (parent,), children = runs_of(root)
    result = json.loads((experiment / "test_metrics.json").read_text())["thresholds"]["8"]
    told = {name: value for name, value in result["test"].items() if value is not None}
    assert parent.data.metrics == {f"test_{name}_t8": value for name, value in told.items()}
    assert parent.data.tags["graincast.chosen_t8"] == result["chosen_trial"]
    assert parent.info.status == "FINISHED"
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"test_metrics.json", "trials.csv", "predictions.csv", "model.pt", "figures", "experiment.yaml"} <= files
    assert list(children) == TRIALS[:1]


def test_a_dead_store_fails_nothing_and_what_is_unsent_is_sent_later(root, capsys):
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        dead = settings_of(root, store=f"http://127.0.0.1:{free.getsockname()[1]}")  # nobody listens
    job = job_of(root)
    for what, folder in (("trials", job), ("experiment", job.parents[1]), ("store", None)):
        capsys.readouterr()
        assert tell(what, dead, folder) == 0
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("tracking: not sent (")
        assert err.count("\n") == 1
    unsent = [job / track.UNSENT, job.parents[1] / track.UNSENT]
    assert all(path.is_file() for path in unsent)
    assert tell("sync", dead, root / "results") == 1
    assert all(path.is_file() for path in unsent)

    capsys.readouterr()
    assert tell("sync", settings_of(root), root / "results") == 0
    assert capsys.readouterr().out == "tracking: 2 of 2 unsent records sent\n"
    assert not any(path.exists() for path in unsent)
    _, (parent,), children = runs_of(root)
    assert set(children) == set(TRIALS)
    assert "test_accuracy_t8" in parent.data.metrics

    assert tell("sync", settings_of(root), root / "results") == 0
    assert capsys.readouterr().out == ""  # nothing to send
    _, _, again = runs_of(root)
    assert {run.info.run_id for run in again.values()} == {run.info.run_id for run in children.values()}


def test_a_store_that_never_answers_is_given_up_in_time(root, capsys, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # which would take longer than the time there is
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        settings = settings_of(root, store=f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=1)
        started = time.monotonic()
        assert tell("trials", settings, job_of(root)) == 0
        assert time.monotonic() - started < 5
    assert "no end after 1 s" in capsys.readouterr().err
    assert (job_of(root) / track.UNSENT).is_file()


def test_a_store_that_cannot_be_made_is_one_line_of_the_program(root):
    settings = settings_of(root, store=f"sqlite:///{root}/split.csv/mlflow.db")
    command = [sys.executable, "-m", "scripts.track", "--tracking", json.dumps(settings), "trials"]
    command += ["--folder", str(job_of(root)), "--about", json.dumps(ABOUT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("tracking: not sent (")
    assert "split.csv" in done.stderr
    assert (job_of(root) / track.UNSENT).is_file()


def test_a_store_that_cannot_be_written_is_one_short_line(root):
    settings = settings_of(root)
    before = (root / "mlflow.db").stat().st_size
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({before}, {before}))\n"
    code = limit + "import runpy; runpy.run_module('scripts.track', run_name='__main__')"
    command = [sys.executable, "-c", code, "--tracking", json.dumps(settings), "trials"]
    command += ["--folder", str(job_of(root)), "--about", json.dumps(ABOUT)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("tracking: not sent (")
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 220
    assert "SQL:" not in done.stderr
    assert (job_of(root) / track.UNSENT).is_file()


def test_the_cause_of_a_failure_is_told_in_a_few_words():
    def caused(error, cause):
        try:
            raise error from cause
        except Exception as caught:
            return track.essence(caught)

    assert caused(ValueError("[SQL: …]"), sqlite3.OperationalError("database or disk is full")) == (
        "database or disk is full"
    )
    assert caused(ValueError("long"), ConnectionRefusedError(111, "Connection refused")) == "Connection refused"
    assert caused(ValueError("long"), FileNotFoundError(2, "No such file", "a")) == "a: No such file or directory"
    assert caused(ValueError("one\ntwo"), KeyError("x")) == "one two"
    assert len(caused(ValueError("x" * 1000), None)) == track.LONGEST


AT_ONCE = """
import json, os, sys
from pathlib import Path
# what each process would otherwise import and look up anew
import alembic.command, matplotlib.font_manager, mlflow.models.utils, mlflow.pyfunc.model, pandas
import mlflow.store.tracking.sqlalchemy_store, mlflow.utils.requirements_utils
from graincast import tracking

mlflow.utils.requirements_utils._init_modules_to_packages_map()
tracking.figures.save = lambda figure, path, dpi: path.write_bytes(b"")
folder, settings, about = Path(sys.argv[1]), json.loads(sys.argv[2]), json.loads(sys.argv[3])
children = []
for i in range(8):
    child = os.fork()
    if not child:
        status = 1
        try:
            status = tracking.log_trials(folder / f"job{i}", about, settings) - 1
        finally:
            os._exit(status)
    children.append(child)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def test_eight_processes_that_write_to_one_fresh_store_lose_nothing(root):
    record = json.loads((job_of(root) / "trials.json").read_text())
    with h5py.File(job_of(root) / "history.h5") as file:
        steps, curves = file["steps"][:], file["curves"][:1]
    models = read_models(job_of(root) / "models.pt")
    for i in range(8):
        folder = job_of(root).parent / f"job{i}"
        folder.mkdir()
        trial = {**record["trials"][0], "trial": f"trial{i}"}
        (folder / "trials.json").write_text(json.dumps({**record, "job": f"job{i}", "trials": [trial]}))
        with h5py.File(folder / "history.h5", "w") as file:
            file["steps"], file["curves"] = steps, curves + i
        torch.save({f"trial{i}": models[TRIALS[0]]}, folder / "models.pt")
    (root / "mlflow.db").unlink()
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment["OMP_NUM_THREADS"] = "1"
    environment["MLFLOW_RUN_ID"] = "0" * 32  # would take the place of the runs made, were it obeyed
    arguments = [str(job_of(root).parent), json.dumps(settings_of(root)), json.dumps(ABOUT)]
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    client, parents, children = runs_of(root)
    assert len(parents) == 1
    assert set(children) == {f"trial{i}" for i in range(8)}
    for i in range(8):
        run = children[f"trial{i}"]
        assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        assert run.data.params["hops"] == "1"
        history = client.get_metric_history(run.info.run_id, "train_loss")
        assert [one.value for one in history] == pytest.approx(curves[0].mean(axis=0)[:, 0] + i)
        assert len(run.outputs.model_outputs) == 1
