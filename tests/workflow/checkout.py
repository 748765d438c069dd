"""A copy of the project's files in a folder of its own, and what Snakemake does or would do there."""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from snakemake.cli import main as snakemake

from graincast.planning import lock, packages, sources

PROJECT = Path(__file__).parents[2]
MODULE = (sys.executable, "-m")
HOUR = 3600.0
"""Limit in seconds of what takes minutes on a quiet machine: a busy one takes ten times as long."""


def copy_project(to: Path) -> Path:
    """A fresh clone's files: what git tracks or would track, without results.

    With them come functions that numba has compiled here, as compiling them again for each copy takes a minute of CPU.
    """
    command = ["git", "-C", str(PROJECT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, listed):
        if (PROJECT / name).is_file() and not name.startswith("tests/"):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, to / name)
    for compiled in PROJECT.glob("graincast/**/__pycache__/*.nb[ic]"):
        copied = to / compiled.relative_to(PROJECT)
        copied.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # replaced just now by another process
            shutil.copy2(compiled, copied)
    return to


def run(folder: Path, *arguments: str, timeout: float = HOUR, **environment: str) -> subprocess.CompletedProcess:
    """Run Snakemake for real; its output, both streams together, is in stdout."""
    return _run(folder, [*MODULE, "snakemake", "--cores", "2", *arguments], timeout, environment)


def program(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess:
    """Run a program of scripts/; its output, both streams together, is in stdout."""
    return _run(folder, [*MODULE, f"scripts.{name}", *arguments], HOUR, {})


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python with some arguments."""
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=HOUR)


def as_written(folder: Path, command: str, **environment: str) -> str:
    """The output of a command of the documentation, with this environment in place of the one that make sets up."""
    venv = sys.prefix
    if re.match(r"make\b", command):
        command = command.replace("make", f"make VENV={venv} -o {venv}/.ready-cpu -o {venv}/.ready", 1)
    done = _run(folder, ["sh", "-c", command], HOUR, environment)
    assert done.returncode == 0, done.stdout
    return done.stdout


def _run(folder: Path, command: list[str], timeout: float, environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )


def stale(folder: Path, *arguments: str) -> set[str]:
    """What would run, each job as rule:wildcards, e.g. train:given/t2. In this process, so it is quick."""
    code, output = dry_run(folder, *arguments)
    assert code == 0, output
    return jobs(output) - {"all"}


def dry_run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and output of a dry run in this process."""
    captured = io.StringIO()
    # what a process of its own would start with: no lock, and sources not read yet
    lock._held.clear()
    sources._read.cache_clear()
    packages.pinned.cache_clear()
    before, variables = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(captured), contextlib.redirect_stderr(captured):
            snakemake(["--dry-run", "--cores", "2", *arguments])
    except SystemExit as end:
        return int(end.code or 0), captured.getvalue()
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(variables)  # later workflows are not part of this one
        lock._held.clear()
    raise AssertionError("Snakemake did not end")


def jobs(output: str) -> set[str]:
    """The jobs that Snakemake's output announces."""
    found = set()
    for block in re.split(r"\n(?=\[)", output):
        rule = re.search(r"^(?:local)?rule (\w+):$", block, re.MULTILINE)
        if rule:
            wildcards = re.search(r"^    wildcards: (.*)$", block, re.MULTILINE)
            values = [part.partition("=")[2] for part in wildcards[1].split(", ")] if wildcards else []
            found.add(":".join([rule[1], "/".join(values)]) if values else rule[1])
    return found
