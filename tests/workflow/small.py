"""A small configuration with every kind of raw data except SPPARKS folders, and every model."""

from pathlib import Path

from tests.synthetic import write_folder, write_images

CONFIG = """\
experiments: [made, given, tabled, attended, pictured]
datasets:
  made:
    source: simulate
    hops: 2
    simulate:
      microstructures: 24
      batch: 12
      balance: 2
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
predictions:
  sample: {model: made, source: spparks, path: $RAW_DATA_ROOT/none}
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
target: {aggregate: mean, threshold: [2.5]}
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
ensemble: 2
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
EXPERIMENTS = {"made": MADE, "given": GIVEN, "tabled": TABLED, "attended": ATTENDED, "pictured": PICTURED}


def write_configuration(folder: Path) -> None:
    """Write the configuration as small.yaml, and its experiments, into a folder config/."""
    (folder / "experiments").mkdir(parents=True, exist_ok=True)
    (folder / "small.yaml").write_text(CONFIG)
    for name, text in EXPERIMENTS.items():
        (folder / "experiments" / f"{name}.yaml").write_text(text)


def write_raw_data(folder: Path) -> None:
    """Write the raw data that the configuration reads: RAW_DATA_ROOT is this folder."""
    write_folder(folder / "json", 18)
    write_images(folder / "images")
