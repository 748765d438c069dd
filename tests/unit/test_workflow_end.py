"""Local jobs end with the workflow that started them, even if it is killed; other programs do not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graincast.program import workflow

ROOT = Path(__file__).parents[2]
WORKFLOW = """
import os, subprocess, sys, time
from graincast.program import workflow
os.environ[workflow.VARIABLE] = workflow.current()
os.environ.update(dict(argument.split("=") for argument in sys.argv[2:]))
subprocess.Popen(["bash", "-c", f"{sys.executable} -c '{sys.argv[1]}' | cat"])
time.sleep(600)
"""
JOB = """
import os, time
from pathlib import Path
from graincast.program import main
def work(args):
    Path(os.environ["STARTED"]).write_text(str(os.getpid()))
    {work}
main.run(work, main.parser("x", ""), [])
"""
BUSY = "import numba; numba.njit(lambda n: [i for i in range(n) if i < 0])(10**12)"


def until(condition) -> None:
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def alive(pid: int) -> bool:
    return bool(workflow.started_at(pid))


def started_job(work: str, tmp_path: Path, *variables: str) -> tuple[subprocess.Popen, int]:
    """A workflow, and the process of its job."""
    note = tmp_path / "started"
    job = JOB.format(work=work)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKFLOW, job, f"STARTED={note}", *variables], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    until(lambda: note.exists() and note.read_text())
    return process, int(note.read_text())


@pytest.mark.parametrize("work", ["time.sleep(600)", BUSY], ids=["waiting", "in compiled code"])
def test_a_job_ends_with_a_workflow_that_is_killed(tmp_path, monkeypatch, work):
    process, job = started_job(work, tmp_path)
    assert alive(job)
    process.kill()
    process.wait()
    until(lambda: not alive(job))


@pytest.mark.parametrize(
    "variable", ["SLURM_JOB_ID=7", f"{workflow.VARIABLE}=elsewhere - 1 2", f"{workflow.VARIABLE}="]
)
def test_what_is_no_local_job_survives(tmp_path, variable):
    process, job = started_job("time.sleep(600)", tmp_path, variable)
    try:
        process.kill()
        process.wait()
        time.sleep(3 * workflow.INTERVAL)
        assert alive(job)
    finally:
        os.kill(job, signal.SIGKILL)


def test_a_job_that_has_ended_is_not_waited_for(tmp_path):
    variables = os.environ | {workflow.VARIABLE: workflow.current(), "STARTED": str(tmp_path / "started")}
    job = JOB.format(work="print(1)")
    piped = subprocess.run([sys.executable, "-c", job], cwd=ROOT, env=variables, capture_output=True, text=True)
    assert (piped.returncode, piped.stdout) == (0, "1\n")
