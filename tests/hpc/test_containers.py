"""What a step in the worker container sees: its own packages, raw data read-only, nothing else of the host."""

import os
import subprocess

import pytest

from graincast.planning import containers


@pytest.fixture(scope="module")
def execute(area, raw, image):
    def inside(script: str, **environment: str) -> subprocess.CompletedProcess:
        (area / "results").mkdir(exist_ok=True)
        variables = os.environ | {"RAW_DATA_ROOT": str(raw)} | environment
        given = containers.environment(variables, read_only=[raw / "json", area / "elsewhere"], writable=["results"])
        return subprocess.run(
            ["apptainer", "exec", "--home", str(area), str(image), "bash", "-c", script],
            cwd=area,
            env=variables | given,
            capture_output=True,
            text=True,
        )

    return inside


def test_packages_are_those_of_the_image(execute, area):
    """A torch on the host's path, by every way that a path can be given, is not the one that is imported."""
    (area / "leak/torch").mkdir(parents=True, exist_ok=True)
    (area / "leak/torch/__init__.py").write_text("raise SystemExit('the host leaked in')")
    script = "python -c 'import sys, torch; print(torch.__file__); print(sys.prefix)'"
    done = execute(script, PYTHONPATH=str(area / "leak"), PYTHONUSERBASE=str(area / "leak"), VIRTUAL_ENV="/nowhere")
    assert done.returncode == 0, done.stderr
    assert [line.startswith("/opt/graincast/venv") for line in done.stdout.split()] == [True, True], done.stdout


def test_raw_data_cannot_be_written(execute, raw):
    victim = min(path for path in (raw / "json").glob("*.json") if not path.is_symlink())
    before = victim.read_bytes()
    for script in (
        f"echo x >> {victim}",
        f"touch {raw}/json/new",
        f"rm {victim}",
        f"echo x >> {raw.parent}/elsewhere/new",
    ):
        done = execute(script)
        assert done.returncode != 0 and "Read-only file system" in done.stderr, script
    assert victim.read_bytes() == before
    assert execute("echo x > results/written && cat results/written").stdout == "x\n"


def test_environment_is_what_is_named(execute):
    done = execute("env", MLFLOW_TRACKING_TOKEN="a$HOME,b", SOMETHING_ELSE="leaks", LD_LIBRARY_PATH="/nowhere")
    lines = done.stdout.splitlines()
    assert "MLFLOW_TRACKING_TOKEN=a$HOME,b" in lines
    assert not [line for line in lines if "leaks" in line or "/nowhere" in line]
