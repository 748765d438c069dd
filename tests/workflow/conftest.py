"""A small configuration with every kind of raw data but SPPARKS folders, run once for real."""

from pathlib import Path

import pytest

from tests.synthetic import write_folder
from tests.workflow import checkout

CONFIG = """\
experiments: [made, given, tabled]
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
      growth: {time: 6000, runs: 2, record: 3000}
  given:
    source: deepspparks-json
    path: $RAW_DATA_ROOT/json
    shards: 3
splits:
  held-out: {method: fractions, validation: 0.3, test: 0.3}
  folds: {method: k-fold, folds: 2, repeats: 1, validation: 0.3}
  table: {method: file, path: $RAW_DATA_ROOT/json/split.csv}
feature_sets:
  plain: [type, area]
  shape: [degree, area, perimeter, red_area]
"""
MADE = """\
dataset: made
split: held-out
features: plain
model: sgc
target: {aggregate: mean, threshold: [1.5]}
grid: {hops: [1, 2], learning_rate: [0.1]}
training: {iterations: 20, evaluate_every: 10}
"""
GIVEN = """\
dataset: given
split: folds
features: shape
model: sgc
target: {threshold: [2, 3]}
grid: {hops: [1]}
training: {iterations: 20, evaluate_every: 10}
fan_out: [threshold]
"""


TABLED = """\
dataset: given
split: table
features: shape
model: sgc
target: {threshold: [2]}
training: {iterations: 20, evaluate_every: 10}
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A checkout in which the small configuration has run, its raw data in the folder `raw` beside it."""
    root = tmp_path_factory.mktemp("workflow")
    folder = checkout.copy_project(root / "checkout")
    write_folder(root / "raw" / "json", 18)
    (folder / "config/small.yaml").write_text(CONFIG)
    (folder / "config/experiments/made.yaml").write_text(MADE)
    (folder / "config/experiments/given.yaml").write_text(GIVEN)
    (folder / "config/experiments/tabled.yaml").write_text(TABLED)
    ran = checkout.run(folder, "--configfile", "config/small.yaml", RAW_DATA_ROOT=str(root / "raw"))
    assert ran.returncode == 0, ran.stdout
    return folder


@pytest.fixture(autouse=True)
def raw_data_root(monkeypatch, request) -> None:
    if "finished" in request.fixturenames:
        folder = request.getfixturevalue("finished")
        monkeypatch.setenv("RAW_DATA_ROOT", str(folder.parent / "raw"))
