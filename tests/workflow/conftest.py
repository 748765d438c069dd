"""A small configuration with every kind of raw data but SPPARKS folders, and every model, run once for real."""

from pathlib import Path

import pytest

from tests.synthetic import write_folder, write_images
from tests.workflow import checkout

CONFIG = """\
experiments: [made, given, tabled, attended, pictured]
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
  images:
    source: labelled-images
    path: $RAW_DATA_ROOT/images
    shards: 2
splits:
  held-out: {method: fractions, validation: 0.3, test: 0.3}
  folds: {method: k-fold, folds: 2, repeats: 1, validation: 0.3}
  table: {method: file, path: $RAW_DATA_ROOT/json/split.csv}
feature_sets:
  plain: [type, area]
  shape: [degree, area, perimeter, red_area]
encoders:
  tiny: {method: autoencoder, architecture: tiny, components: 2, epochs: 1, batch_size: 64, max_patches: 64}
encoded_sets:
  codes: {encoder: tiny, components: 2, columns: [type]}
vision_sets:
  random: {size: 32, network: {random: 0}}
"""
MADE = """\
dataset: made
split: held-out
features: plain
model: sgc
target: {aggregate: mean, threshold: [1.5]}
grid: {propagation_steps: [1, 2], learning_rate: [0.1]}
training: {iterations: 20, evaluate_every: 10}
"""
GIVEN = """\
dataset: given
split: folds
features: shape
model: sgc
target: {threshold: [2, 3]}
grid: {propagation_steps: [1]}
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


ATTENDED = """\
dataset: given
split: table
features: codes
model: gat
target: {threshold: [2]}
training: {epochs: 2, batch_size: 4, hidden: 2, heads: 1}
"""

PICTURED = """\
dataset: images
split: held-out
features: random
model: svm
target: {kind: label}
grid: {variance: [0.9], whiten: [false], c: [1]}
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
    (folder / "config/experiments/attended.yaml").write_text(ATTENDED)
    (folder / "config/experiments/pictured.yaml").write_text(PICTURED)
    write_images(root / "raw" / "images")
    ran = checkout.run(folder, "--configfile", "config/small.yaml", RAW_DATA_ROOT=str(root / "raw"))
    assert ran.returncode == 0, ran.stdout
    return folder


@pytest.fixture(autouse=True)
def raw_data_root(monkeypatch, request) -> None:
    if "finished" in request.fixturenames:
        folder = request.getfixturevalue("finished")
        monkeypatch.setenv("RAW_DATA_ROOT", str(folder.parent / "raw"))
