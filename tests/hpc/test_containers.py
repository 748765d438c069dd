"""A step in the worker container sees the image's packages, read-only raw data, and nothing else of the host."""

import os
import subprocess

import pytest

from graincast.planning import containers


@pytest.fixture(scope="module")
def execute(area, raw, image):
    def execute_inside(script: str, **environment: str) -> subprocess.CompletedProcess:
        (area / "results").mkdir(exist_ok=True)
        variables = os.environ | {"RAW_DATA_ROOT": str(raw)} | environment
        variables |= containers.environment(
            variables, read_only=[raw / "json", area / "elsewhere"], writable=["results"]
        )
        return subprocess.run(
            ["apptainer", "exec", "--home", str(area), str(image), "bash", "-c", script],
            cwd=area,
            env=variables,
            capture_output=True,
            text=True,
        )

    return execute_inside


def test_packages_come_from_the_image(execute, area):
    """A torch on the host is not imported, whichever variable points to it."""
    (area / "leak/torch").mkdir(parents=True, exist_ok=True)
    (area / "leak/torch/__init__.py").write_text("raise SystemExit('the host leaked in')")
    script = "python -c 'import sys, torch; print(torch.__file__); print(sys.prefix)'"
    done = execute(script, PYTHONPATH=str(area / "leak"), PYTHONUSERBASE=str(area / "leak"), VIRTUAL_ENV="/nowhere")
    assert done.returncode == 0, done.stderr
    assert [line.startswith("/opt/graincast/venv") for line in done.stdout.split()] == [True, True], done.stdout


def test_raw_data_cannot_be_written(execute, raw):
    file = min(path for path in (raw / "json").glob("*.json") if not path.is_symlink())
    before = file.read_bytes()
    for script in (
        f"echo x >> {file}",
        f"touch {raw}/json/new",
        f"rm {file}",
        f"echo x >> {raw.parent}/elsewhere/new",
    ):
        done = execute(script)
        assert done.returncode != 0 and "Read-only file system" in done.stderr, script
    assert file.read_bytes() == before
    assert execute("echo x > results/written && cat results/written").stdout == "x\n"


def test_only_named_variables_are_passed_on(execute):
    done = execute("env", MLFLOW_TRACKING_TOKEN="a$HOME,b", SOMETHING_ELSE="leaks", LD_LIBRARY_PATH="/nowhere")
    lines = done.stdout.splitlines()
    assert "MLFLOW_TRACKING_TOKEN=a$HOME,b" in lines
    assert not [line for line in lines if "leaks" in line or "/nowhere" in line]
