"""A step in the worker container sees the image's packages, read-only raw data, and nothing else of the host."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from graincast.planning import containers
from tests.hpc.runs import ON_SLURM


@pytest.fixture(scope="module")
def execute(area, raw, image, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("scratch")

    def execute_inside(script: str, **environment: str) -> subprocess.CompletedProcess:
        (area / "results").mkdir(exist_ok=True)
        variables = os.environ | {"RAW_DATA_ROOT": str(raw)} | environment
        variables |= containers.environment(
            variables, read_only=[raw / "json", area / "elsewhere"], writable=[area, "results"], scratch=scratch
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


LOOKING = """\
import os
import tempfile
from pathlib import Path

import numpy as np
from graincast.features.feature import Feature

if os.path.exists("/opt/graincast/venv"):  # where the worker image has its packages; the planner reads this file too
    for path in {planted}:
        if Path(path).exists() or Path(path).parent.is_dir() and Path(path).name in os.listdir(Path(path).parent):
            raise SystemExit(f"saw {{path}}")
    Path("/tmp/graincast-left").write_text("by a job")
    Path("results/looked").write_text(" ".join(sorted(os.listdir("/var/tmp"))))


def one(measured):
    return np.ones(measured.microstructure.grain_id.size)


NODE_FEATURES = {{"one": Feature(one, "1", "one")}}
"""


@pytest.fixture
def planted() -> Iterator[list[Path]]:
    """Files of the machine that no job should see: in the home folder and among temporary files."""
    places = [Path.home(), Path("/tmp"), Path("/var/tmp")]
    paths = [Path(tempfile.mkdtemp(prefix="graincast-planted-", dir=place), "planted") for place in places]
    try:
        for path in paths:
            path.write_text("planted")
            path.parent.chmod(0o777)
            path.chmod(0o666)
        yield paths
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
            path.parent.rmdir()


def test_neither_the_home_folder_nor_temporary_files_are_seen(execute, planted):
    done = execute("cat " + " ".join(map(str, planted)) + "; echo x > /tmp/graincast-new && cat /tmp/graincast-new")
    assert done.stdout == "x\n", done.stderr
    assert not Path("/tmp/graincast-new").exists()


@pytest.mark.parametrize(
    "arguments",
    [("--use-singularity", "--cores", "2", "--rerun-triggers", "mtime", "input"), ON_SLURM],
    ids=["alone", "slurm"],
)
def test_jobs_of_the_workflow_do_not_see_them(make_checkout, planted, arguments, request, tmp_path):
    """With the profile and without any: a feature of an extension looks for them from within its job."""
    checkout = make_checkout(f"looking-{request.node.callspec.id}")
    (checkout.folder / "looking").mkdir()
    (checkout.folder / "looking/features.py").write_text(LOOKING.format(planted=[str(path) for path in planted]))
    config = checkout.folder / "config/small.yaml"
    text = config.read_text().replace("plain: [type", "plain: [one, type")
    config.write_text(f"extensions: [{checkout.folder}/looking]\n{text}")
    tmp_path.chmod(0o777)
    done = checkout.run("results/datasets/made/features/plain.h5", *arguments, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stdout
    seen = (checkout.folder / "results/looked").read_text().split()
    assert seen == [checkout.folder.parent.name]  # the checkout's own place is below /var/tmp
    assert not Path("/tmp/graincast-left").exists()
    assert list(tmp_path.glob("graincast-scratch-*")) == []  # those of other runs on this machine are theirs
