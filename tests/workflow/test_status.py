"""`graincast status`: from what lies on disk, beside a run too."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graincast.planning import lock
from tests.workflow import checkout

STATUS = "import sys; from graincast.command import main; main(['status', 'config/small.yaml'])"
HEAVY = f"{STATUS}; sys.exit(bool({{'torch', 'mlflow', 'snakemake', 'matplotlib', 'sklearn'}} & set(sys.modules)))"


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    return shutil.copytree(finished, tmp_path / "copy", symlinks=True)


def status(folder: Path, program: str = STATUS) -> dict[str, list[str]]:
    """The lines, by their first words; of the table the numbers, · for none."""
    ran = checkout.python(folder, "-c", program)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return {
        line[:31].strip() if line[31:32] == " " and "·" in line else line.partition(":")[0]: line.split()[-5:]
        for line in ran.stdout.splitlines()
    } | {"text": ran.stdout.splitlines()}


def test_finished_results_and_no_heavy_package(finished):
    found = status(finished, HEAVY)
    assert found["in all"][1:] == ["·"] * 4
    assert found["training jobs"] == ["6", "·", "·", "·", "·"]
    assert "no run is going on" in found["text"]
    assert any(line.startswith("on disk: ") and "results/datasets" in line for line in found["text"])


def test_edited_missing_and_failed(copy):
    configuration = copy / "config/experiments/made.yaml"
    configuration.write_text(configuration.read_text().replace("iterations: 20", "iterations: 30"))
    (copy / "results/comparison.png").unlink()
    with (copy / "results/logs/figures/given.log").open("a") as log:
        log.write("python -m scripts.figures: error: no space\n")
    (copy / "results/experiments/given/figures.made_from.json").unlink()
    found = status(copy)
    assert found["training jobs"] == ["5", "·", "·", "1", "·"]
    assert found["sets of figures"] == ["3", "·", "1", "1", "·"]
    (failed,) = [line for line in found["text"] if line.startswith("failed: ")]
    assert failed.startswith("failed: figures/given: python -m scripts.figures: error: no space (results/logs/")
    assert any("iterations 20 → 30 (experiment made)" in line for line in found["text"])


HOLD = (
    "from graincast.planning import lock; import sys; assert lock.take(); print('held', flush=True); sys.stdin.read()"
)


def test_a_run_that_is_going_on(copy):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=copy, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout.readline() == "held\n"
        assert f"a run is going on (process {run.pid})" in status(copy)["text"]
        assert lock.take(copy / lock.LOCK) is False  # which leaves the number of the holder in its file
        assert lock.holder(copy / lock.LOCK) == str(run.pid)
        run.stdin.close()
    assert lock.holder(copy / lock.LOCK) is None
