"""The program that trains: it goes on where it was killed, and gives up no checkpoint before its results are whole."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from graincast.experiment import splits
from graincast.experiment.trained import read_models
from graincast.features import table
from tests.tables import feature_table

ROOT = Path(__file__).parents[2]
EPOCHS = 12
TRAINING = {
    "epochs": EPOCHS,
    "batch_size": 4,
    "hidden": 4,
    "heads": 2,
    "dropout": 0.2,
    "attention_dropout": 0.2,
    "residual": False,
    "loss_grains": "candidate",
    "patience": 0,
    "clip": 1,
    "plateau_factor": 0.5,
    "plateau_patience": 2,
    "mixed_precision": True,
}
GRID = {"threshold": [10], "learning_rate": [0.01], "weight_decay": [0], "seed": [0]}


@pytest.fixture
def command(tmp_path):
    """command(out, epochs): what trains graph attention on made-up graphs."""
    data = feature_table(60)
    table.write(tmp_path / "set/features/plain.h5", data)
    splits.write(tmp_path / "held-out.csv", data.name, splits.fractions(data.name, 0.3, 0.2, 0))

    def of(out: Path, epochs: int = EPOCHS) -> list[str]:
        arguments = ["--name", "one/all", "--features", tmp_path / "set/features/plain.h5", "--model", "gat"]
        arguments += ["--split", tmp_path / "held-out.csv", "--target", "{}", "--grid", json.dumps(GRID), "--out", out]
        arguments += ["--device", "cpu", "--training", json.dumps({**TRAINING, "epochs": epochs})]
        return [sys.executable, "-m", "scripts.train", *map(str, arguments)]

    return of


def results(out: Path) -> tuple:
    record = json.loads((out / "trials.json").read_text())
    with h5py.File(out / "history.h5") as file:
        curves = file["curves"][:]
    ((model,),) = [of.values() for of in read_models(out / "models.pt").values()]
    return record["trials"], curves, model["state"]


def assert_equal(one: Path, other: Path) -> None:
    (trials, curves, state), (trials2, curves2, state2) = results(one), results(other)
    assert trials == trials2
    np.testing.assert_array_equal(curves, curves2)
    assert all(torch.equal(state[key], state2[key]) for key in state)


def test_killed_and_started_again_gives_what_it_gives_undisturbed(tmp_path, command):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    subprocess.run(command(undisturbed), cwd=ROOT, check=True, capture_output=True)
    process = subprocess.Popen(command(killed), cwd=ROOT, stderr=subprocess.DEVNULL)
    while not list((killed / "checkpoints").glob("*.pt")):
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    if not (killed / "trials.json").exists():
        assert list((killed / "checkpoints").glob("*.pt"))
    subprocess.run(command(killed), cwd=ROOT, check=True, capture_output=True)
    assert_equal(killed, undisturbed)
    assert not (killed / "checkpoints").exists()


def test_results_that_cannot_be_written_cost_no_training(tmp_path, command):
    out = tmp_path / "out"
    (out / "history.h5").mkdir(parents=True)
    failed = subprocess.run(command(out), cwd=ROOT, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "history.h5" in failed.stderr and "Is a directory" in failed.stderr
    assert list((out / "checkpoints").glob("*.pt"))
    (out / "history.h5").rmdir()
    again = subprocess.run(command(out), cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{EPOCHS}/{EPOCHS} epochs" in again.stderr and f"resumed after epoch {EPOCHS}" in again.stderr
    assert not (out / "checkpoints").exists()
