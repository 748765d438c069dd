"""Temporary files in containers: each job has a folder of its own, and compiled code is shared."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PROGRAM = """\
import argparse, subprocess, sys, tempfile
from graincast.program import main, scratch

def say(_):
    started = [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"]
    print(tempfile.gettempdir(), scratch.shared(), subprocess.run(started, capture_output=True, text=True).stdout)

main.run(say, argparse.ArgumentParser())
"""


def folders(variables: dict[str, str], place: Path) -> list[str]:
    """Of a program and of what it starts: the folder of temporary files, and the one that is shared."""
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_CONTAINER")}
    environment |= {"TMPDIR": str(place), **variables}
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("name", ["APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"])
def test_each_job_in_a_container_has_a_folder_that_ends_with_it(tmp_path, name):
    found = [folders({name: "/images/worker.sif"}, tmp_path) for _ in range(2)]
    assert {shared for _, shared, _ in found} == {str(tmp_path)}
    assert all(Path(own).parent == tmp_path and own == of_child for own, _, of_child in found)
    assert found[0][0] != found[1][0] and list(tmp_path.iterdir()) == []


def test_outside_a_container_nothing_changes(tmp_path):
    assert set(folders({}, tmp_path)) == {str(tmp_path)}
    assert tempfile.gettempdir() != str(tmp_path)
