"""Sixty-four processes can write to one fresh SQLite store at once."""

import json
import os
import subprocess
import sys

import h5py
import pytest

from tests.tracked import ABOUT, ROOT, copied, job_of, runs_of, settings_of

PROCESSES = 64
WRITERS = """
import json, os, sys
from pathlib import Path
from graincast.tracking import api as tracking

folder, settings, other_store, note = Path(sys.argv[1]), *(json.loads(text) for text in sys.argv[2:5])
tracking.log_trials(folder / "job0", note, other_store)  # one-off set-up that the processes share
assert not {"torch", "numba"} & set(sys.modules)  # trials are logged without them
del os.environ["MLFLOW_TRACKING_URI"]  # MLflow sets it
children = []
for i in range(int(sys.argv[5])):
    child = os.fork()
    if not child:
        status = 1
        try:
            status = tracking.log_trials(folder / f"job{i}", note, settings) - 1
        finally:
            os._exit(status)
    children.append(child)
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


def test_sixty_four_concurrent_processes_lose_nothing(original_results, tmp_path):
    root = copied(original_results, tmp_path / "root")
    record = json.loads((job_of(root) / "trials.json").read_text())
    with h5py.File(job_of(root) / "history.h5") as file:
        steps, curves = file["steps"][:], file["curves"][:1]
    for i in range(PROCESSES):
        folder = job_of(root).parent / f"job{i}"
        folder.mkdir()
        trial = {**record["trials"][0], "trial": f"trial{i}"}
        (folder / "trials.json").write_text(json.dumps({**record, "job": f"job{i}", "trials": [trial]}))
        with h5py.File(folder / "history.h5", "w") as file:
            file["steps"], file["curves"] = steps, curves + i
    settings = settings_of(root, store=f"sqlite:///{root}/fresh.db")
    environment = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    environment["OMP_NUM_THREADS"] = "1"
    environment["MLFLOW_RUN_ID"] = "0" * 32  # to be ignored
    note = {
        "id": "a",
        "about": ABOUT,
        "time": 1.7e9,
        "tags": {"graincast.execution": "one"},
        "recipe": "b",
        "again": False,
    }
    other_store = settings_of(root, store=f"sqlite:///{root}/mlflow.db", experiment_prefix="set-up/")
    arguments = [str(job_of(root).parent), *map(json.dumps, (settings, other_store, note)), str(PROCESSES)]
    command = [sys.executable, "-c", WRITERS, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    client, parents, children = runs_of(store=settings["store"])
    assert len(parents) == 1
    assert set(children) == {f"trial{i}" for i in range(PROCESSES)}
    for i in range(PROCESSES):
        run = children[f"trial{i}"]
        assert run.info.status == "FINISHED"
        assert run.data.tags["mlflow.parentRunId"] == parents[0].info.run_id
        assert run.data.metrics["train_loss"] == pytest.approx(curves[0, :, -1, 0].mean() + i)
        if i % 16 == 0:
            history = client.get_metric_history(run.info.run_id, "train_loss")
            assert [metric.step for metric in history] == steps.tolist()
