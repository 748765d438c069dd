"""A real SLURM of two nodes, a real Apptainer and the worker image, and checkouts of a small workflow to run on them.

The set-up changes the system (packages, /etc/slurm), so it happens only in CI or with GRAINCAST_HPC_TESTS=1.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.hpc.runs import Checkout
from tests.synthetic import write_folder
from tests.workflow.checkout import PROJECT, copy_project

HERE = Path(__file__).parent
IMAGES = Path(os.environ.get("IMAGE_DIR", "/var/lib/graincast-images"))
CONFIG = """\
experiments: [made, given]
datasets:
  made:
    source: simulate
    hops: 2
    simulate:
      microstructures: 24
      batch: 12
      size: 40
      red_fraction: 0.3
      initial: {time: 10}
      growth: {time: 6000, record: 3000}
  given:
    source: deepspparks-json
    path: $RAW_DATA_ROOT/json
    shards: 2
splits:
  held-out: {method: fractions, validation: 0.3, test: 0.3}
feature_sets:
  plain: [type, degree, area, perimeter]
"""
EXPERIMENT = """\
dataset: {dataset}
split: held-out
features: plain
model: sgc
target: {{threshold: [{threshold}]}}
grid: {{propagation_steps: [1, 2], learning_rate: [0.1]}}
training: {{iterations: 50, evaluate_every: 10}}
"""


def set_up(*command: object, **environment: str) -> str:
    """Run a set-up script; returns the last line it prints. Exit status 77 skips the tests with the script's reason."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=os.environ | environment)
    if done.returncode == 77 and not os.environ.get("CI"):
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


@pytest.fixture(scope="session")
def cluster():
    """The script that controls the cluster, which is running; it is stopped afterwards if it was not running before."""
    if not (os.environ.get("CI") or os.environ.get("GRAINCAST_HPC_TESTS")):
        pytest.skip("would set up SLURM and Apptainer on this machine: allow it with GRAINCAST_HPC_TESTS=1")
    script = HERE / "cluster.sh"
    set_up(script, "install")
    was_up = subprocess.run([script, "status"], capture_output=True).returncode == 0
    set_up(script, "start")
    yield script
    if not was_up:
        subprocess.run([script, "stop"], capture_output=True)


@pytest.fixture(scope="session")
def image(cluster) -> Path:
    """The worker image as a SIF, built from the project's Dockerfile; kept between runs."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    return Path(set_up(HERE / "base_image.sh", "--out", IMAGES))


@pytest.fixture(scope="session")
def area():
    """A folder that all users of the machine can enter."""
    folder = Path(tempfile.mkdtemp(prefix="graincast-hpc-", dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def raw(area) -> Path:
    """Raw data outside the checkouts, half of them symlinks; published graphs if there are any, otherwise synthetic."""
    default = PROJECT.parent / "shared" / "data"
    published = Path(os.environ.get("RAW_DATA_ROOT", default)) / "deepspparks-json"
    folder, elsewhere = area / "raw" / "json", area / "elsewhere"
    folder.mkdir(parents=True)
    elsewhere.mkdir()
    if published.is_dir():
        for path in sorted(published.glob("*.json"))[::20]:
            shutil.copyfile(path, elsewhere / path.name)
    else:
        write_folder(elsewhere, 30)
    for i, path in enumerate(sorted(elsewhere.glob("*.json"))):
        if i % 2:
            shutil.copyfile(path, folder / path.name)
        else:
            (folder / path.name).symlink_to(path)
    return area / "raw"


@pytest.fixture(scope="session")
def threshold(raw) -> float:
    """The median growth ratio of the candidate grains: a threshold that splits the data in half."""
    import numpy as np

    from graincast.raw.deepspparks import read

    ratios = []
    for path in sorted((raw / "json").glob("*.json")):
        graph = read(path, path.stem)
        areas = graph.areas[0][:, graph.candidate]
        ratios.append(areas[-1, 0] / areas[0, 0])
    return round(float(np.median(ratios)), 1)


@pytest.fixture(scope="session")
def make_checkout(area, raw, threshold, image):
    """make_checkout(name): a fresh clone with the small workflow; `symlinked` puts its results behind a symlink."""

    def make(name: str, symlinked: bool = False) -> Checkout:
        folder = copy_project(area / name)
        (folder / "config/small.yaml").write_text(CONFIG)
        for dataset, value in (("made", 2.5), ("given", threshold)):
            text = EXPERIMENT.format(dataset=dataset, threshold=value)
            (folder / f"config/experiments/{dataset}.yaml").write_text(text)
        (folder / "containers").mkdir(exist_ok=True)
        (folder / "containers" / image.name).symlink_to(image)
        if symlinked:
            (area / f"{name}-scratch").mkdir()
            (folder / "results").symlink_to(area / f"{name}-scratch")
        return Checkout(folder, raw)

    return make


@pytest.fixture(scope="session")
def local(make_checkout) -> Checkout:
    """The small workflow's results from a plain run on this machine, without SLURM or containers."""
    checkout = make_checkout("local")
    done = checkout.run("--workflow-profile", "profiles/default", "--cores", "2")
    assert done.returncode == 0, done.stdout
    return checkout
