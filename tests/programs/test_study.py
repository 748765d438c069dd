"""Studies: the same trials from the same seed, after any interruption, and better ones than at random."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graincast.experiment import splits
from graincast.features import table
from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.training import study
from graincast.training.study import Pruned, Range
from tests.tables import feature_table

ROOT = Path(__file__).parents[2]
AXES = {"rate": Range(1e-4, 1, log=True), "steps": Range(1, 4, integer=True), "kind": ["a", "b"]}
FILES = ("trained.json", "history.h5", "models.h5", "validation.h5")


def bowl(number, point, watch):
    """Smallest at rate 0.01, two steps and kind b; the loss falls to it in ten steps."""
    value = (np.log10(point["rate"]) + 2) ** 2 + (point["steps"] - 2) ** 2 + (point["kind"] == "a")
    for step in range(11):
        watch(step, value + 1 / (1 + step))
    return float(value)


def found(path: Path, trials: int, seed: int = 0, attempt=bowl, steps: int | None = None):
    return study.run(AXES, trials, seed, attempt, path / "journal.log", steps)


def test_points_lie_within_the_ranges_and_follow_from_the_seed(tmp_path):
    outcomes = found(tmp_path / "a", 20)
    for outcome in outcomes:
        assert list(outcome.point) == list(AXES)
        assert 1e-4 <= outcome.point["rate"] <= 1 and outcome.point["kind"] in "ab"
        assert type(outcome.point["steps"]) is int and 1 <= outcome.point["steps"] <= 4
    assert found(tmp_path / "b", 20) == outcomes
    assert found(tmp_path / "c", 20, seed=1) != outcomes


def test_a_study_interrupted_at_any_trial_makes_the_same_trials(tmp_path):
    undisturbed = found(tmp_path / "undisturbed", 16, steps=10)
    rng, attempts = np.random.default_rng(0), []

    class Killed(BaseException):
        pass

    def interrupted(number, point, watch):
        attempts.append(number)
        if rng.random() < 0.4:
            watch(0, 99.0)
            raise Killed
        return bowl(number, point, watch)

    while True:
        try:
            resumed = found(tmp_path / "resumed", 16, attempt=interrupted, steps=10)
            break
        except Killed:
            with (tmp_path / "resumed/journal.log").open("a") as journal:
                journal.write('{"op_code": 4, "work')  # a line that was cut
    assert resumed == undisturbed
    assert len(attempts) > 16 and attempts == sorted(attempts)


def test_a_longer_study_begins_with_the_trials_of_a_shorter_one_and_goes_on_from_its_journal(tmp_path):
    shorter, whole = found(tmp_path / "a", 12), found(tmp_path / "b", 25)
    assert whole[:12] == shorter
    ran = []
    assert found(tmp_path / "a", 25, attempt=lambda n, *of: ran.append(n) or bowl(n, *of)) == whole
    assert ran == list(range(12, 25))
    best = [min(bowl(0, one.point, lambda *_: None) for one in trials) for trials in (whole[:1], shorter, whole)]
    assert best == sorted(best, reverse=True) and best[2] < 0.2 * best[0]


def test_pruning_ends_poor_trials_early_and_leaves_the_first_alone(tmp_path):
    outcomes = found(tmp_path, 30, steps=10)
    pruned = [number for number, outcome in enumerate(outcomes) if outcome.pruned]
    assert 5 <= len(pruned) <= 25 and min(pruned) >= study.COMPLETE
    for number in pruned:
        steps = list(outcomes[number].losses)
        assert steps == list(range(len(steps))) and study.WARM_UP * 10 - 1 <= steps[-1] < 10
    value = [bowl(0, outcome.point, lambda *_: None) for outcome in outcomes]
    assert np.median([value[n] for n in pruned]) > np.median([v for n, v in enumerate(value) if n not in pruned])


def test_a_study_without_a_finished_trial_and_a_damaged_journal_are_errors_in_one_line(tmp_path):
    def never(*_):
        raise Pruned

    with pytest.raises(BadInput, match="none of 3 trials came to an end; narrow the ranges"):
        found(tmp_path / "never", 3, attempt=never)
    (tmp_path / "journal.log").write_text("{}\n{}\n")
    with pytest.raises(BadInput, match=r"journal.log: damaged .*; remove it and run again$"):
        found(tmp_path, 3)


def program(tmp_path: Path, out: str, trials: int = 8, model: str = "gat") -> list[str]:
    """The command of a study of some trials on made-up graphs, as the workflow runs it."""
    features, split, recipe = tmp_path / "set/features/plain.h5", tmp_path / "split.csv", tmp_path / f"{trials}.json"
    if not features.exists():
        data = feature_table(60)
        table.write(features, data)
        splits.write(split, data.name, splits.k_fold(data.name, 3, 1, 0.3, 0))
    rates = {"from": 1e-4, "to": 0.1, "log": True}
    training = {"epochs": 16, "batch_size": 8, "hidden": 4, "heads": 2, "dropout": 0.2, "attention_dropout": 0.1}
    training |= {"residual": False, "loss_grains": None, "jumping": "none", "norm": "none", "context": "none"}
    training |= {"patience": 0, "clip": 1, "plateau_factor": 0.5, "plateau_patience": 2, "mixed_precision": True}
    parameters = {
        "model": model,
        "target": {"kind": "abnormal", "grains": "candidate", "aggregate": "mean"},
        "grid": {"threshold": [10], "learning_rate": rates, "weight_decay": [0, 0.01], "seed": [0]},
        "training": training,
        "search": {"trials": trials, "prune": True, "seed": 0},
        "select": "nll",
        "fold": "r1f2",
    }
    recipe.write_text(json.dumps({"parameters": parameters, "sources": {}}))
    arguments = ["--recipe", recipe, "--name", "one/t10_r1f2", "--features", features, "--split", split]
    return [sys.executable, "-m", "scripts.study", *map(str, arguments), "--device", "cpu", "--out", tmp_path / out]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    subprocess.run(program(folder, "undisturbed"), cwd=ROOT, check=True, capture_output=True)
    return folder


def test_a_killed_and_restarted_program_gives_the_same_bytes(made):
    process = subprocess.Popen(program(made, "killed"), cwd=ROOT, stderr=subprocess.DEVNULL)
    while len(list((made / "killed/checkpoints").glob("*/00?.h5"))) < 3:
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL and not (made / "killed/trained.json").exists()
    resumed = subprocess.run(program(made, "killed"), cwd=ROOT, check=True, capture_output=True, text=True)
    assert "trial 0" not in resumed.stderr
    for name in FILES:
        assert digest(made / "killed" / name) == digest(made / "undisturbed" / name), name
    assert not (made / "killed/checkpoints").exists()


def test_the_record_tells_trials_that_ended_early_apart(made):
    record = json.loads((made / "undisturbed/trained.json").read_text())
    names = [one["trial"] for one in (*record["trials"], *record["pruned"])]
    assert sorted(names) == [f"t10_r1f2_{number:03d}" for number in range(8)]
    assert record["pruned"] and record["folds"] == ["r1f2"] and record["search"]["trials"] == 8
    for trial in record["pruned"]:
        assert study.WARM_UP * 16 <= trial["pruned"]["r1f2"] < 16
    for trial in (*record["trials"], *record["pruned"]):
        assert list(trial["params"]) == ["threshold", "learning_rate", "weight_decay", "seed"]
        assert re.fullmatch("0|0.01", str(trial["params"]["weight_decay"]))
