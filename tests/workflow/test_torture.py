"""A workflow that is killed at random points and started again gives the very bytes of one that was left alone."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graincast.program.workflow import started_at
from tests.workflow import checkout

CONFIG = ("--configfile", "config/tortured.yaml")
TORTURED = """\
experiments:
  one:
    dataset: made
    split: held-out
    features: grain-properties
    model: sgc
    target: {threshold: [1.5]}
    training: {iterations: 100}
datasets:
  made:
    source: simulate
    simulate: {microstructures: 24, batch: 12, size: 40, red_fraction: 0.3, initial: {time: 10}, growth: {time: 6000}}
splits:
  held-out: {method: k-fold, folds: 3, validation: 0.3}
"""
OF_THE_RUN = ("sent.json", "unsent.json", "cost.json", ".snakemake_timestamp")
"""Files that say when and how a step ran."""


def prepared(folder: Path) -> Path:
    checkout.copy_project(folder)
    (folder / "config/tortured.yaml").write_text(TORTURED)
    return folder


def results(folder: Path) -> dict[str, bytes]:
    """The content of all results, by path."""
    found = [path for part in ("datasets", "experiments") for path in (folder / "results" / part).rglob("*")]
    kept = [p for p in found if p.is_file() and p.name not in OF_THE_RUN and not p.name.endswith(".made_from.json")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


def killed_after(folder: Path, delay: float) -> int | None:
    """Start the workflow and kill Snakemake after a while; its exit status if it ended before. Waits for its jobs."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--rerun-incomplete", *CONFIG]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    output = subprocess.DEVNULL
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(delay)
    status = process.poll()
    process.kill()
    process.wait()
    deadline = time.monotonic() + checkout.HOUR
    while jobs_in(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return status


def jobs_in(session: int) -> list[int]:
    """The processes of a session that have not ended."""
    listed = subprocess.run(["ps", "-o", "pid=", "--sid", str(session)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split() if started_at(int(pid))]


def torture(tmp_path: Path, kills: int, seed: int) -> None:
    """Compare an undisturbed run with runs that are killed again and again until they come to their end."""
    undisturbed, killed = prepared(tmp_path / "undisturbed"), prepared(tmp_path / "killed")
    started = time.monotonic()
    ran = checkout.run(undisturbed, *CONFIG)
    took = time.monotonic() - started
    assert ran.returncode == 0, ran.stdout
    expected = results(undisturbed)
    rng = np.random.default_rng(seed)
    count = ends = 0
    while count < kills or not ends:
        delay = rng.random() * took if count < kills else checkout.HOUR
        status = killed_after(killed, delay)
        if status is None:
            count += 1
            checkout.run(killed, *CONFIG, "--unlock")
            continue
        assert status == 0
        found = results(killed)
        assert set(found) == set(expected)
        assert [path for path in expected if found[path] != expected[path]] == []
        ends += 1
        shutil.rmtree(killed / "results")
        shutil.rmtree(killed / ".snakemake")
    print(f"\n{count} kills of a workflow of {took:.0f} s; {ends} runs came to their end, with the same bytes")


def test_a_killed_workflow_gives_the_same_bytes(tmp_path):
    torture(tmp_path, kills=1, seed=1)


@pytest.mark.long
def test_a_workflow_killed_again_and_again_gives_the_same_bytes(tmp_path):
    torture(tmp_path, kills=int(os.environ.get("GRAINCAST_KILLS", "30")), seed=2)
