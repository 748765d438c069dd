"""The training script resumes where it was killed, and keeps checkpoints until its results are complete."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from graincast.experiment import splits
from graincast.experiment.trained import read_models
from graincast.features import table
from tests.recipes import recipe_file
from tests.tables import feature_table

ROOT = Path(__file__).parents[2]
EPOCHS, LONG = 12, 300
TRAINING = {
    "epochs": EPOCHS,
    "batch_size": 4,
    "hidden": 4,
    "heads": 2,
    "dropout": 0.2,
    "attention_dropout": 0.2,
    "residual": False,
    "loss_grains": "candidate",
    "jumping": "none",
    "norm": "none",
    "context": "none",
    "patience": 0,
    "clip": 1,
    "plateau_factor": 0.5,
    "plateau_patience": 2,
    "mixed_precision": True,
}
GRID = {"threshold": [10], "learning_rate": [0.01], "weight_decay": [0], "seed": [0]}


@pytest.fixture
def command(tmp_path):
    """command(out, epochs): the command that trains graph attention on made-up graphs."""
    data = feature_table(60)
    table.write(tmp_path / "set/features/plain.h5", data)
    splits.write(tmp_path / "held-out.csv", data.name, splits.fractions(data.name, 0.3, 0.2, 0))

    def training_command(out: Path, epochs: int = EPOCHS) -> list[str]:
        training = {**TRAINING, "epochs": epochs}
        recipe = recipe_file(tmp_path / f"{epochs}.json", model="gat", target={}, grid=GRID, training=training)
        arguments = ["--recipe", recipe, "--name", "one/all", "--features", tmp_path / "set/features/plain.h5"]
        arguments += ["--split", tmp_path / "held-out.csv", "--out", out, "--device", "cpu"]
        return [sys.executable, "-m", "scripts.train", *map(str, arguments)]

    return training_command


def results(out: Path) -> tuple:
    record = json.loads((out / "trained.json").read_text())
    with h5py.File(out / "history.h5") as file:
        curves = file["curves"][:]
    ((model,),) = [by_fold.values() for by_fold in read_models(out / "models.h5").values()]
    return record["trials"], curves, model["state"]


def assert_equal(folder: Path, expected: Path) -> None:
    (trials, curves, state), (expected_trials, expected_curves, expected_state) = results(folder), results(expected)
    assert trials == expected_trials
    np.testing.assert_array_equal(curves, expected_curves)
    assert all(np.array_equal(state[key], expected_state[key]) for key in state)


def test_a_killed_and_restarted_training_equals_an_undisturbed_one(tmp_path, command):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    subprocess.run(command(undisturbed, LONG), cwd=ROOT, check=True, capture_output=True)
    process = subprocess.Popen(command(killed, LONG), cwd=ROOT, stderr=subprocess.DEVNULL)
    while not list((killed / "checkpoints").glob("*.pt")):
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGSTOP)  # stopped first, so that it cannot finish before the kill
    assert list((killed / "checkpoints").glob("*.pt")) and not (killed / "trained.json").exists()
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run(command(killed, LONG), cwd=ROOT, check=True, capture_output=True)
    assert_equal(killed, undisturbed)
    assert not (killed / "checkpoints").exists()


@pytest.mark.long
def test_a_training_killed_again_and_again_at_random_points_equals_an_undisturbed_one(tmp_path, command):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    started = time.monotonic()
    subprocess.run(command(undisturbed, LONG), cwd=ROOT, check=True, capture_output=True)
    took = time.monotonic() - started
    kills, rng = 0, np.random.default_rng(0)
    for fraction in rng.random(30):
        process = subprocess.Popen(command(killed, LONG), cwd=ROOT, stderr=subprocess.DEVNULL)
        time.sleep(fraction * took)
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if (killed / "trained.json").exists():
            assert_equal(killed, undisturbed)
            shutil.rmtree(killed)
    subprocess.run(command(killed, LONG), cwd=ROOT, check=True, capture_output=True)
    assert_equal(killed, undisturbed)
    assert kills > 10


def test_results_that_cannot_be_written_lose_no_training(tmp_path, command):
    out = tmp_path / "out"
    (out / "history.h5").mkdir(parents=True)
    failed = subprocess.run(command(out), cwd=ROOT, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert "history.h5" in failed.stderr and "Is a directory" in failed.stderr
    assert list((out / "checkpoints").glob("*.pt"))
    (out / "history.h5").rmdir()
    resumed = subprocess.run(command(out), cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"{EPOCHS}/{EPOCHS} epochs" in resumed.stderr and f"resumed after epoch {EPOCHS}" in resumed.stderr
    assert not (out / "checkpoints").exists()
