"""Each mistake of mistakes.py ends in one line that says what is wrong and how to mend it, and leaves nothing behind.

What works though it looks like a mistake (another folder, --directory, two configurations, plain snakemake) is in
test_called_from_elsewhere.py. Of tests/unit, test_results_folder.py has missing permissions, test_predict.py maps that
do not fit a model, test_tracking_failures.py servers that are down.
"""

import contextlib
import fcntl
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workflow import checkout, small
from tests.workflow.mistakes import MAKE, MISTAKES, SMALL, Mistake

OF_A_START = re.compile(r"Using workflow specific profile|reading raw data|configuration  |make: \*\*\* \[|\Z")
"""Lines that come before an error, or are make's own."""
INTERNAL = re.compile(r"Traceback|File \"|, line \d+, in|\w+(Exception|Error)\b(?! \d)|(?<!ARGS=)--unlock|\x1b")
PLANNED = re.compile(
    r"\.snakemake/|results/(recipes|checked|splits|datasets/\w+/raw)/|results/(version\.json|experiments/\w+/\w+\.yaml)"
)
"""What a planner that has come to its end writes."""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A checkout with the small configuration, in which nothing has run."""
    root = tmp_path_factory.mktemp("mistakes")
    folder = checkout.copy_project(root / "project")
    small.write_raw_data(root / "raw")
    (root / "raw/empty").mkdir()
    small.write_configuration(folder / "config")
    return folder


def copied(project: Path, to: Path) -> Path:
    """A project of hard links."""
    return shutil.copytree(project, to / "project", copy_function=os.link, symlinks=True)


@pytest.fixture
def copy(project, tmp_path) -> Path:
    return copied(project, tmp_path)


def environment(project: Path, folder: Path) -> dict[str, str]:
    """What commands find: this Python, the raw data, and the package of the folder."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    outside = {key: value for key, value in os.environ.items() if key != "MLFLOW_TRACKING_URI"}
    return outside | {"PATH": path, "RAW_DATA_ROOT": str(project.parent / "raw"), "PYTHONPATH": str(folder)}


def typed(command: str) -> str:
    """A command as it runs here, where make needs no environment of its own."""
    ready = f"VENV={sys.prefix} -o {sys.prefix}/.ready-cpu"
    command = command.replace("graincast ", f"{sys.executable} -m graincast ") if "make" not in command else command
    return command if "VENV=" in command else re.sub(r"^make\b", f"make {ready}", command)


def started(command: str, project: Path, folder: Path) -> subprocess.Popen:
    """A command at work, whose output and errors are one text."""
    return subprocess.Popen(
        typed(command),
        shell=True,
        cwd=folder,
        env=environment(project, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def output_of(command: str, project: Path, folder: Path) -> tuple[int, str]:
    """Exit status and output of a command."""
    with started(command, project, folder) as process:
        output, _ = process.communicate(timeout=checkout.HOUR)
    return process.returncode, output


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def errors(output: str) -> list[str]:
    """The lines of an output, without those that are printed at every start."""
    return [line for line in output.splitlines() if not OF_A_START.match(line)]


def check(output: str, says: tuple[str, ...]) -> None:
    (line,) = errors(output)
    assert all(words in line for words in says), line
    assert not INTERNAL.search(output), output


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_answered_in_one_line(project, copy, mistake: Mistake):
    mistake.change(copy)
    before = files(copy)
    status, output = output_of(mistake.command, project, copy)
    assert status != 0, output
    check(output, mistake.says)
    assert {name for name in files(copy) - before if not PLANNED.match(name)} == set()


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own in a folder, for the while; without leave to mount one, the test is skipped."""
    folder.mkdir()
    ran = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], capture_output=True, text=True)
    if ran.returncode:
        pytest.skip(f"no file system of its own: {ran.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_named_while_planning(project, copy):
    with mounted(copy / "results", "size=64k"):
        status, output = output_of(MAKE, project, copy)
        assert {name for name in files(copy / "results") if not PLANNED.match(f"results/{name}")} == set()
    assert status != 0
    check(output, ("results/", "No space left on device; free some space and run again"))


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the results of a project, as another process."""
    lock = folder / "results/recipes/.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("command", [f"graincast adopt {SMALL}", f"graincast prune {SMALL} --yes"])
def test_results_that_another_run_holds_are_left_alone(project, copy, command):
    with held(copy):
        status, output = output_of(command, project, copy)
    assert status != 0
    check(output, ("results/: another run is using it; wait until it has ended",))


@pytest.fixture(scope="module", autouse=True)
def second_run(project, tmp_path_factory) -> Iterator[subprocess.Popen]:
    """A run while another one holds the results. It waits before it gives up, so it starts before the other tests."""
    folder = copied(project, tmp_path_factory.mktemp("second"))
    with held(folder), started(MAKE, project, folder) as process:
        yield process


def test_a_second_run_waits_and_then_gives_up(second_run):
    output, _ = second_run.communicate(timeout=checkout.HOUR)
    assert second_run.returncode != 0
    assert errors(output)[-1] == "error: another run, plan, adopt or prune holds results/: wait until it has ended"
    assert not INTERNAL.search(output)


def test_a_port_in_use_is_named(project, copy):
    (copy / "results").mkdir()
    (copy / "results/mlflow.db").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, output = output_of(f"make ui CONFIG={SMALL} PORT={port}", project, copy)
    assert status != 0
    check(output, (f"port {port} is in use", "choose another with PORT="))


def test_a_gpu_that_is_not_there_is_named_by_the_step_that_asks_for_it(project, copy):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    target = "results/datasets/images/features/random.h5"
    status, output = output_of(f'{MAKE} ARGS="--config device=cuda -- {target}"', project, copy)
    assert status != 0 and not (copy / target).exists()
    cause = output.splitlines()[-2]
    assert "device cuda: torch finds no CUDA device here; use device auto or cpu" in cause
    assert not INTERNAL.search(output)
