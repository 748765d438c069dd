"""Every program of the workflow is killed at random points; run again, it gives the same bytes, and nothing is lost.

GRAINCAST_KILLS: kills of each program (`make torture KILLS=…` shares its number among them).
"""

import csv
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graincast.evaluation.leaderboard import COSTS
from graincast.files.digest import digest
from tests.workflow import checkout
from tests.workflow.test_torture import OF_THE_RUN, jobs_in, results

CONFIG = ("--configfile", "config/small.yaml")
JOBS = (
    "initialise/made/0000", "simulate/made/0000", "graphs/made/0000", "graphs/given/0001", "split/given/folds",
    "summarise/given", "check_rejected/given", "ceiling/given", "export/made", "features/given/shape",
    "encoder/given/tiny", "encode/given/tiny/2",
    "encoded_features/given/codes", "encoder_figures/given/tiny", "vision_features/images/random", "train/made/all",
    "train/attended/all", "train/pictured/all", "measure/made/all", "log_trials/made/all", "members/attended",
    "evaluate/made",
    "figures/made", "model_card/made", "log_experiment/made", "compare", "comparison_figure", "report",
)  # fmt: skip
"""One job of each program, and of each kind of model and reader."""
ON_REQUEST = ("results/datasets/made/deepspparks-json", "results/report.html")
COUNTS: Counter = Counter()


@pytest.fixture(scope="module")
def project(finished, tmp_path_factory) -> Iterator[Path]:
    """A copy of the finished checkout; in the end the counts are printed."""
    folder = tmp_path_factory.mktemp("killed") / "checkout"
    shutil.copytree(finished, folder, symlinks=True)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAW_DATA_ROOT", str(finished.parent / "raw"))
        made = checkout.run(folder, *ON_REQUEST, *CONFIG)
        assert made.returncode == 0, made.stdout
        yield folder
    print(f"\n{dict(COUNTS)}")


@pytest.fixture(scope="module")
def commands(project) -> dict[str, str]:
    """The shell command of each job, by the job's name."""
    planned = checkout.run(project, "all", *ON_REQUEST, "--dry-run", "--forceall", "--printshellcmds", *CONFIG)
    assert planned.returncode == 0, planned.stdout
    found = re.findall(r"--recipe results/recipes/(\S+)\.json", planned.stdout)
    lines = re.findall(r"^Shell command: (.*--recipe results/recipes/\S+\.json.*)$", planned.stdout, re.MULTILINE)
    by_name = {re.search(r"--recipe results/recipes/(\S+)\.json", line)[1]: line for line in lines}
    assert set(by_name) == set(found)
    return by_name


def run(folder: Path, command: str, kill_after: float | None = None) -> tuple[int, str, float]:
    """Exit status, output and duration in s of a command, which is killed with all its children after a while."""
    threads = re.search(r"--threads (\d+)", command)
    environment = os.environ | {"OMP_NUM_THREADS": threads[1] if threads else "1"}  # as Snakemake sets it
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    started = time.monotonic()
    process = subprocess.Popen(
        ["bash", "-c", f"set -euo pipefail; {command}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    if kill_after is not None:
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    output, _ = process.communicate(timeout=checkout.HOUR)
    while jobs_in(process.pid):
        time.sleep(0.05)
    return process.returncode, output, time.monotonic() - started


def outputs(folder: Path, name: str) -> list[Path]:
    recipe = json.loads((folder / f"results/recipes/{name}.json").read_text())
    return [folder / path for path in recipe["outputs"]]


def seconds(folder: Path, name: str) -> float:
    """How long a job last took in the workflow."""
    lines = (folder / f"results/benchmarks/{name}.jsonl").read_text().splitlines()
    return float(json.loads(lines[-1])["s"])


def remove(paths: list[Path]) -> None:
    """Remove a job's outputs and their note, as Snakemake does before it runs the job again."""
    for path in [*paths, paths[0].with_name(paths[0].name + ".made_from.json")]:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)


def tracked(folder: Path) -> list[tuple]:
    """Experiment, name and status of each trial's run in the store. (Parents of earlier executions stay there.)"""
    query = "select e.name, r.name, r.status from runs r join experiments e using (experiment_id)"
    query += " join tags t on t.run_uuid = r.run_uuid and t.key = 'graincast.trial'"
    with sqlite3.connect(folder / "results/mlflow.db") as store:
        return sorted(store.execute(f"{query} where r.lifecycle_stage = 'active'").fetchall())


def content(path: Path) -> str | list[list[str]]:
    """What another run of the job writes again: of a leaderboard, all columns except the costs of that run."""
    if path.name != "leaderboard.csv":
        return digest(path)
    with path.open(newline="", encoding="utf-8") as table:
        return [row[: -len(COSTS)] for row in csv.reader(table)]


def killed_again_and_again(folder: Path, name: str, command: str, kills: int, seed: int) -> None:
    """Compare a job's outputs, and all other results, after a number of kills with those of the workflow's own run."""
    made = outputs(folder, name)
    duration = seconds(folder, name)
    before = results(folder)
    if name == "report":  # it shows costs, which repeated trainings have changed since the workflow's own run
        remove(made)
        run(folder, command)
    complete = {path: content(path) for path in made if path.name not in OF_THE_RUN}
    rng = np.random.default_rng([seed, JOBS.index(name)])
    for fraction in rng.random(kills):
        remove(made)
        status, output, took = run(folder, command, fraction * duration)
        if status == 0:  # the workflow's run was slower, beside another: once more, with what it takes now
            duration = took
            remove(made)
            status, output, _ = run(folder, command, fraction * duration)
        COUNTS["tried"] += 1
        COUNTS["killed" if status == -signal.SIGKILL else "ended before"] += 1
        half = [path for path, expected in complete.items() if path.exists() and content(path) != expected]
        COUNTS["half-written"] += len(half)
        COUNTS["tracebacks"] += "Traceback" in output
        assert half == [] and "Traceback" not in output, output
    remove(made)
    status, output, _ = run(folder, command)
    COUNTS["tracebacks"] += "Traceback" in output
    assert status == 0 and "Traceback" not in output, output
    after = results(folder)
    lost = sorted(path for path in before if after.get(path) != before[path])
    COUNTS["lost"] += len(lost)
    assert lost == [] and set(after) == set(before)


def test_every_program_is_among_them(commands):
    assert {name.partition("/")[0] for name in commands} == {name.partition("/")[0] for name in JOBS}


@pytest.mark.parametrize("name", JOBS)
def test_a_killed_program_gives_the_same_bytes(finished, project, commands, name):
    killed_again_and_again(project, name, commands[name], kills=1, seed=1)
    if name.startswith("log_experiment"):  # which settles what interrupted logging left
        assert tracked(project) == tracked(finished)


@pytest.mark.long
@pytest.mark.parametrize("name", JOBS)
def test_a_program_killed_again_and_again_gives_the_same_bytes(finished, project, commands, name):
    kills = -(-int(os.environ.get("GRAINCAST_KILLS", "100")) // len(JOBS))
    killed_again_and_again(project, name, commands[name], kills, seed=2)
    if name.startswith("log_experiment"):
        assert tracked(project) == tracked(finished)
