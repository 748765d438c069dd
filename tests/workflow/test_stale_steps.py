"""Stale is a table: edit this, and exactly these jobs run again. Every configuration key has a row."""

import contextlib
import os
import shutil
from pathlib import Path

import pytest
import yaml

from graincast.files.name_hash import uniform
from tests.synthetic import graph
from tests.workflow import checkout

CONFIG = ("--configfile", "config/small.yaml")

# Jobs of the small configuration (conftest.py), each set with all that follows from it.
COMPARE = {"compare", "comparison_figure"}
NAMES = ("made", "given", "tabled", "attended", "pictured")
EVALUATE = {name: {f"evaluate:{name}", f"figures:{name}"} | COMPARE for name in NAMES}
TRAIN = {
    "made": {"train:made/all"} | EVALUATE["made"],
    "given": {"train:given/t2", "train:given/t3"} | EVALUATE["given"],
    "tabled": {"train:tabled/all"} | EVALUATE["tabled"],
    "attended": {"train:attended/all"} | EVALUATE["attended"],
    "pictured": {"train:pictured/all"} | EVALUATE["pictured"],
}
SUMMARISE = {name: {f"summarise:{name}", f"check_rejected:{name}"} for name in ("made", "given")}
ENCODED = {"encoded_features:given/codes"} | TRAIN["attended"]
ENCODE = {"encode:given/tiny/2"} | ENCODED
ENCODER = {"encoder:given/tiny", "encoder_figures:given/tiny"} | ENCODE
VISION = {"vision_features:images/random"} | TRAIN["pictured"]
ACCEPT = {"check_rejected:made", "check_rejected:given"}
FEATURES = {
    "made": {"features:made/plain"} | TRAIN["made"],
    "given": {"features:given/shape"} | TRAIN["given"] | TRAIN["tabled"],
}
SPLIT = {
    "held-out": {"split:made/held-out"} | SUMMARISE["made"] | TRAIN["made"],
    "held-out images": {"split:images/held-out"} | TRAIN["pictured"],
    "folds": {"split:given/folds"} | SUMMARISE["given"] | TRAIN["given"],
    "table": {"split:given/table"} | SUMMARISE["given"] | TRAIN["tabled"] | TRAIN["attended"],
}
AFTER_GRAPHS = {
    "made": SPLIT["held-out"] | FEATURES["made"],
    "given": SPLIT["folds"] | SPLIT["table"] | FEATURES["given"] | ENCODER,
}
GRAPHS = {
    "made": {"graphs:made/0000", "graphs:made/0001"} | AFTER_GRAPHS["made"],
    "given": {"graphs:given/0000", "graphs:given/0001", "graphs:given/0002"} | AFTER_GRAPHS["given"],
}
SIMULATE = {"simulate:made/0000", "simulate:made/0001"} | GRAPHS["made"]
NOTHING: set[str] = set()


def every(stage: dict[str, set]) -> set[str]:
    return set().union(*stage.values())


ALL = SIMULATE | GRAPHS["given"] | SPLIT["held-out images"] | VISION
BOTH_HELD_OUT = SPLIT["held-out"] | SPLIT["held-out images"]

# key of the schema: (file, edits of it as {path: value}, what runs again)
SMALL, MADE, GIVEN, TABLED, ATTENDED, PICTURED = ("small", *(f"experiments/{name}" for name in NAMES))
SIM = "datasets.made.simulate"
KEYS = {
    "experiments": (SMALL, {"experiments": ["made", "tabled", "attended", "pictured"]}, SUMMARISE["given"]),
    "datasets.source": (
        SMALL,
        {"datasets.made": {"source": "spparks", "hops": 2, "shards": 2, "path": "results/datasets/made/runs/0000"}},
        GRAPHS["made"],
    ),
    "datasets.path": (SMALL, {"datasets.given.path": "$RAW_DATA_ROOT/copy"}, NOTHING),
    "datasets.shards": (SMALL, {"datasets.given.shards": 4}, {"graphs:given/0003"} | GRAPHS["given"]),
    "datasets.hops": (SMALL, {"datasets.made.hops": 3}, GRAPHS["made"]),
    "datasets.time_steps": (SMALL, {"datasets.made.time_steps": "first-last"}, GRAPHS["made"]),
    "datasets.max_rejected": (SMALL, {"datasets.given.max_rejected": 0.5}, {"check_rejected:given"}),
    "datasets.simulate.seed": (SMALL, {f"{SIM}.seed": 2}, SIMULATE),
    "datasets.simulate.microstructures": (
        SMALL,
        {f"{SIM}.microstructures": 36},
        {"simulate:made/0002", "graphs:made/0002"} | AFTER_GRAPHS["made"],
    ),
    "datasets.simulate.batch": (
        SMALL,
        {f"{SIM}.batch": 8},
        {"simulate:made/0002", "graphs:made/0002"} | SIMULATE,
    ),
    "datasets.simulate.size": (SMALL, {f"{SIM}.size": 48}, SIMULATE),
    "datasets.simulate.red_fraction": (SMALL, {f"{SIM}.red_fraction": [0.1, 0.4]}, SIMULATE),
    "datasets.simulate.mobility": (SMALL, {f"{SIM}.mobility": "uniform"}, SIMULATE),
    "datasets.simulate.min_mobility": (SMALL, {f"{SIM}.min_mobility": 0.01}, SIMULATE),
    "datasets.simulate.initial.temperature": (SMALL, {f"{SIM}.initial.temperature": 0.8}, SIMULATE),
    "datasets.simulate.initial.time": (SMALL, {f"{SIM}.initial.time": 11}, SIMULATE),
    "datasets.simulate.initial.quench_temperature": (SMALL, {f"{SIM}.initial.quench_temperature": 0.2}, SIMULATE),
    "datasets.simulate.initial.quench_time": (SMALL, {f"{SIM}.initial.quench_time": 4}, SIMULATE),
    "datasets.simulate.growth.temperature": (SMALL, {f"{SIM}.growth.temperature": 0.8}, SIMULATE),
    "datasets.simulate.growth.time": (SMALL, {f"{SIM}.growth.time": 7000}, SIMULATE),
    "datasets.simulate.growth.runs": (SMALL, {f"{SIM}.growth.runs": 3}, SIMULATE),
    "datasets.simulate.growth.record": (SMALL, {f"{SIM}.growth.record": [10, 100]}, SIMULATE),
    "splits.method": (SMALL, {"splits.held-out": {"method": "k-fold", "validation": 0.3}}, BOTH_HELD_OUT),
    "splits.seed": (SMALL, {"splits.held-out.seed": 1}, BOTH_HELD_OUT),
    "splits.validation": (SMALL, {"splits.folds.validation": 0.4}, SPLIT["folds"]),
    "splits.test": (SMALL, {"splits.held-out.test": 0.4}, BOTH_HELD_OUT),
    "splits.folds": (SMALL, {"splits.folds.folds": 3}, SPLIT["folds"]),
    "splits.repeats": (SMALL, {"splits.folds.repeats": 2}, SPLIT["folds"]),
    "splits.path": (SMALL, {"splits.table.path": "$RAW_DATA_ROOT/copy/split.csv"}, NOTHING),
    "feature_sets": (SMALL, {"feature_sets.plain": ["type", "area", "red_area"]}, FEATURES["made"]),
    "encoded_sets.encoder": (
        SMALL,
        {"encoders.pca": {"method": "pca", "components": 2}, "encoded_sets.codes.encoder": "pca"},
        {"encoder:given/pca", "encoder_figures:given/pca", "encode:given/pca/2"} | ENCODED,
    ),
    "encoded_sets.components": (
        SMALL,
        {"encoders.tiny.components": 3, "encoded_sets.codes.components": 3},
        {"encode:given/tiny/3"} | ENCODER - {"encode:given/tiny/2"},
    ),
    "encoded_sets.columns": (SMALL, {"encoded_sets.codes.columns": ["type", "area"]}, ENCODED),
    "encoders.method": (SMALL, {"encoders.tiny": {"method": "pca", "components": 2}}, ENCODER),
    "encoders.architecture": (SMALL, {"encoders.tiny.architecture": "simple"}, ENCODER),
    "encoders.components": (
        SMALL,
        {"encoders.tiny.components": 4, "encoded_sets.codes.components": 4},
        {"encode:given/tiny/4"} | ENCODER - {"encode:given/tiny/2"},
    ),
    "encoders.epochs": (SMALL, {"encoders.tiny.epochs": 2}, ENCODER),
    "encoders.batch_size": (SMALL, {"encoders.tiny.batch_size": 32}, ENCODER),
    "encoders.learning_rate": (SMALL, {"encoders.tiny.learning_rate": 0.01}, ENCODER),
    "encoders.seed": (SMALL, {"encoders.tiny.seed": 1}, ENCODER),
    "encoders.max_patches": (SMALL, {"encoders.tiny.max_patches": 32}, ENCODER),
    "encoders.validation": (SMALL, {"encoders.tiny.validation": 0.2}, ENCODER),
    "vision_sets.crop": (SMALL, {"vision_sets.random.crop": 16}, VISION),
    "vision_sets.size": (SMALL, {"vision_sets.random.size": 40}, VISION),
    "vision_sets.network.random": (SMALL, {"vision_sets.random.network.random": 1}, VISION),
    "vision_sets.network.sha256": (
        SMALL,
        {"vision_sets.random.network": {"path": "w.pth", "sha256": "0" * 64}},
        VISION,
    ),
    "device": (SMALL, {"device": "cpu"}, NOTHING),
    "tracking.store": (SMALL, {"tracking.store": "http://127.0.0.1:1"}, NOTHING),
    "tracking.experiment_prefix": (SMALL, {"tracking.experiment_prefix": "mine/"}, NOTHING),
    "tracking.timeout": (SMALL, {"tracking.timeout": 5}, NOTHING),
    "container.variant": (SMALL, {"container.variant": "cuda"}, NOTHING),  # without containers, that is
    "container.image": (SMALL, {"container.image": "docker://example.org/worker:1"}, NOTHING),
    "experiment.description": (MADE, {"description": "other words"}, NOTHING),
    "experiment.dataset": (
        TABLED,
        {"dataset": "made"},
        {"split:made/table", "features:made/shape"} | SUMMARISE["made"] | TRAIN["tabled"],
    ),
    "experiment.split": (TABLED, {"split": "folds"}, TRAIN["tabled"]),
    "experiment.features": (MADE, {"features": "shape"}, {"features:made/shape"} | TRAIN["made"]),
    "experiment.model": (
        TABLED,
        {"model": "gat", "training": {"epochs": 2}},
        TRAIN["tabled"],
    ),
    "experiment.target.kind": (MADE, {"target": {"kind": "growth-ratio"}}, TRAIN["made"]),
    "experiment.target.grains": (ATTENDED, {"target.grains": "all"}, TRAIN["attended"]),
    "experiment.target.aggregate": (MADE, {"target.aggregate": "max"}, TRAIN["made"]),
    "experiment.target.threshold": (
        GIVEN,
        {"target.threshold": [2, 3, 4]},
        {"train:given/t4"} | EVALUATE["given"],
    ),
    "experiment.target.fraction": (MADE, {"target.aggregate": "fraction", "target.fraction": 0.7}, TRAIN["made"]),
    "experiment.grid.propagation_steps": (MADE, {"grid.propagation_steps": [0, 2]}, TRAIN["made"]),
    "experiment.grid.feature_subsets.min": (MADE, {"grid.feature_subsets": {"min": 2}}, TRAIN["made"]),
    "experiment.grid.feature_subsets.max": (MADE, {"grid.feature_subsets": {"max": 1}}, TRAIN["made"]),
    "experiment.grid.variance": (PICTURED, {"grid.variance": [0.5]}, TRAIN["pictured"]),
    "experiment.grid.whiten": (PICTURED, {"grid.whiten": [True]}, TRAIN["pictured"]),
    "experiment.grid.c": (PICTURED, {"grid.c": [10]}, TRAIN["pictured"]),
    "experiment.grid.learning_rate": (MADE, {"grid.learning_rate": [0.2]}, TRAIN["made"]),
    "experiment.grid.weight_decay": (GIVEN, {"grid.weight_decay": [0.1]}, TRAIN["given"]),
    "experiment.grid.seed": (MADE, {"grid.seed": [1]}, TRAIN["made"]),
    "experiment.training.iterations": (MADE, {"training.iterations": 30}, TRAIN["made"]),
    "experiment.training.evaluate_every": (MADE, {"training.evaluate_every": 5}, TRAIN["made"]),
    "experiment.training.epochs": (ATTENDED, {"training.epochs": 3}, TRAIN["attended"]),
    "experiment.training.batch_size": (ATTENDED, {"training.batch_size": 2}, TRAIN["attended"]),
    "experiment.training.hidden": (ATTENDED, {"training.hidden": 3}, TRAIN["attended"]),
    "experiment.training.heads": (ATTENDED, {"training.heads": 2}, TRAIN["attended"]),
    "experiment.training.dropout": (ATTENDED, {"training.dropout": 0.5}, TRAIN["attended"]),
    "experiment.training.attention_dropout": (ATTENDED, {"training.attention_dropout": 0.5}, TRAIN["attended"]),
    "experiment.training.residual": (ATTENDED, {"training.residual": True}, TRAIN["attended"]),
    "experiment.training.loss_grains": (ATTENDED, {"training.loss_grains": "all"}, TRAIN["attended"]),
    "experiment.training.patience": (ATTENDED, {"training.patience": 1}, TRAIN["attended"]),
    "experiment.training.clip": (ATTENDED, {"training.clip": 0.5}, TRAIN["attended"]),
    "experiment.training.plateau_factor": (ATTENDED, {"training.plateau_factor": 0.1}, TRAIN["attended"]),
    "experiment.training.plateau_patience": (ATTENDED, {"training.plateau_patience": 1}, TRAIN["attended"]),
    "experiment.training.mixed_precision": (ATTENDED, {"training.mixed_precision": False}, TRAIN["attended"]),
    "experiment.select": (MADE, {"select": "auc"}, EVALUATE["made"]),
    "experiment.fan_out": (
        MADE,
        {"fan_out": ["propagation_steps"]},
        {"train:made/k1", "train:made/k2"} | EVALUATE["made"],
    ),
}
NEEDS_THE_FILE = {"vision_sets.network.path"}  # see test_a_moved_file_of_weights_makes_nothing_stale

# One file of each kind; which rules run which modules: tests/unit/test_source_files.py.
FILES = {
    "graincast/microstructure.py": ALL,
    "graincast/potts/events.py": SIMULATE,
    "graincast/raw/deepspparks.py": every(GRAPHS),
    "graincast/features/nodes.py": every(FEATURES) | ENCODED,
    "graincast/models/sgc.py": TRAIN["made"] | TRAIN["given"] | TRAIN["tabled"],
    "graincast/models/gat.py": TRAIN["attended"],
    "graincast/encoders/autoencoder.py": ENCODER,
    "graincast/encoders/pca.py": NOTHING,
    "graincast/tracking/trial_runs.py": NOTHING,
    "graincast/planning/plan.py": NOTHING,
    "graincast/configuration/checks.py": NOTHING,
    "scripts/figures.py": {f"figures:{name}" for name in NAMES},
    "scripts/track.py": NOTHING,
    "Snakefile": NOTHING,
    "rules/train.smk": NOTHING,
    "README.md": NOTHING,
    "config/schema.yaml": NOTHING,
    "profiles/default/config.yaml": NOTHING,
}


@contextlib.contextmanager
def edited(path: Path, text: str | None):
    """The file with another content (None: without the file), as it was again afterwards."""
    before = path.read_bytes() if path.exists() else None
    try:
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")
        yield
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)


def with_edits(content: dict, edits: dict) -> str:
    for path, value in edits.items():
        *folders, key = path.split(".")
        section = content
        for folder in folders:
            section = section.setdefault(folder, {})
        section[key] = value
    return yaml.safe_dump(content)


@pytest.fixture(scope="session")
def copied_raw_data(finished):
    raw = finished.parent / "raw"
    shutil.copytree(raw / "json", raw / "copy")


def test_nothing_runs_twice(finished):
    assert checkout.stale(finished, *CONFIG) == NOTHING
    again = checkout.run(finished, *CONFIG)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout, again.stdout


@pytest.mark.parametrize("key", KEYS)
def test_edited_key(finished, copied_raw_data, key):
    file, edits, expected = KEYS[key]
    path = finished / "config" / f"{file}.yaml"
    with edited(path, with_edits(yaml.safe_load(path.read_text()), edits)):
        assert checkout.stale(finished, *CONFIG) == expected


@pytest.mark.parametrize("file", FILES)
def test_edited_file(finished, file):
    path = finished / file
    with edited(path, path.read_text(encoding="utf-8") + "\n# edited\n"):
        assert checkout.stale(finished, *CONFIG) == FILES[file]


def test_every_key_has_a_row():
    schema = yaml.safe_load((checkout.PROJECT / "config/schema.yaml").read_text(encoding="utf-8"))

    def leaves(part: dict, name: str):
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
        below = part.get("properties", {})
        named = part.get("additionalProperties")
        if not below and not (isinstance(named, dict) and "$ref" in named):
            yield name
        elif below:
            for key, sub in below.items():
                yield from leaves(sub, f"{name}.{key}" if name else key)
        else:
            yield from leaves(named, name)

    keys = set(leaves(schema, "")) | set(leaves(schema["$defs"]["experiment"], "experiment"))
    assert set(KEYS) | NEEDS_THE_FILE == keys


MISSING = {
    "trials.json of training": ("experiments/made/trials/all/trials.json", TRAIN["made"]),
    "test results": ("experiments/given/test_metrics.json", EVALUATE["given"]),
    "features": ("datasets/made/features/plain.h5", {"features:made/plain"} | TRAIN["made"]),
    "codes": ("datasets/given/codes/tiny-2.h5", ENCODE),
    "an encoder": ("datasets/given/encoders/tiny/encoder.h5", ENCODER),
    "pictures": ("datasets/images/features/random.h5", VISION),
    "a split": ("datasets/given/splits/folds.csv", SPLIT["folds"]),
    "a shard": ("datasets/given/graphs/0001.h5", {"graphs:given/0001"} | AFTER_GRAPHS["given"]),
    "simulated runs": (
        "datasets/made/runs/0001.json",
        {"simulate:made/0001", "graphs:made/0001"} | AFTER_GRAPHS["made"],
    ),
}


@pytest.mark.parametrize("missing", MISSING)
def test_what_a_failed_step_leaves_missing_is_made_again(finished, missing):
    """A failed step loses its output while older results that were made from it still stand."""
    name, expected = MISSING[missing]
    with edited(finished / "results" / name, None):
        assert checkout.stale(finished, *CONFIG) == expected


def test_a_step_that_fails_fails_again(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    path = folder / "config/experiments/made.yaml"
    path.write_text(with_edits(yaml.safe_load(path.read_text()), {"target.threshold": [1000]}))
    for _ in range(2):
        failed = checkout.run(folder, *CONFIG)
        assert failed.returncode != 0 and "training targets are normal" in failed.stdout, failed.stdout


def test_a_moved_file_of_weights_makes_nothing_stale(finished, tmp_path):
    """The file itself is too large for a test: its features count as made (--touch) and then it moves."""
    folder = shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    path = folder / "config/small.yaml"

    def weights(name: str) -> None:
        network = {"path": f"/somewhere/{name}.pth", "sha256": "1" * 64}
        path.write_text(with_edits(yaml.safe_load(path.read_text()), {"vision_sets.random.network": network}))

    weights("vgg16")
    assert checkout.stale(folder, *CONFIG) == VISION
    touched = checkout.run(folder, *CONFIG, "--touch")
    assert touched.returncode == 0, touched.stdout
    assert checkout.stale(folder, *CONFIG) == NOTHING
    weights("moved")
    assert checkout.stale(folder, *CONFIG) == NOTHING


def test_added_experiment(finished):
    path = finished / "config/small.yaml"
    text = with_edits(yaml.safe_load(path.read_text()), {"experiments": [*NAMES, "more"]})
    more = (finished / "config/experiments/made.yaml").read_text().replace("[1, 2]", "[1]")
    with edited(path, text), edited(finished / "config/experiments/more.yaml", more):
        expected = {"train:more/all", "evaluate:more", "figures:more"} | COMPARE
        assert checkout.stale(finished, *CONFIG) == expected


def shard_of(name: str) -> str:
    return f"{int(3 * uniform('shard', name)):04d}"


def only_its_shard(name: str) -> set[str]:
    return {f"graphs:given/{shard_of(name)}"} | AFTER_GRAPHS["given"]


def test_results_of_another_configuration_join_the_comparison(finished):
    shutil.copytree(finished / "results/experiments/made", finished / "results/experiments/elsewhere")
    try:
        assert checkout.stale(finished, *CONFIG) == COMPARE
    finally:
        shutil.rmtree(finished / "results/experiments/elsewhere")


def test_two_edits_at_once(finished):
    """A step that runs again for one reason must not hide that another is stale for its own."""
    small, made = finished / "config/small.yaml", finished / "config/experiments/made.yaml"
    raised = with_edits(yaml.safe_load(small.read_text()), {"datasets.made.max_rejected": 0.5})
    slower = with_edits(yaml.safe_load(made.read_text()), {"grid.learning_rate": [0.2]})
    with edited(small, raised), edited(made, slower), edited(finished / "results/tracking/store", None):
        assert checkout.stale(finished, *CONFIG) == {"tracking_store", "check_rejected:made"} | TRAIN["made"]


def test_added_raw_file(finished):
    import json

    new = finished.parent / "raw/json/run-99.json"
    with edited(new, json.dumps(graph(99))):
        assert checkout.stale(finished, *CONFIG) == only_its_shard("run-99")


def test_changed_raw_file(finished):
    path = finished.parent / "raw/json/run-03.json"
    with edited(path, path.read_text().replace('"grain_type": 1', '"grain_type": 2', 1)):
        assert checkout.stale(finished, *CONFIG) == only_its_shard("run-03")


def test_removed_raw_file(finished):
    with edited(finished.parent / "raw/json/run-05.json", None):
        assert checkout.stale(finished, *CONFIG) == only_its_shard("run-05")


def test_touched_and_rewritten_raw_files(finished):
    for path in (finished.parent / "raw/json").iterdir():
        path.write_bytes(path.read_bytes())
        os.utime(path)
    assert checkout.stale(finished, *CONFIG) == NOTHING


def test_moved_raw_data(finished, tmp_path, monkeypatch):
    shutil.copytree(finished.parent / "raw", tmp_path / "elsewhere")
    monkeypatch.setenv("RAW_DATA_ROOT", str(tmp_path / "elsewhere"))
    assert checkout.stale(finished, *CONFIG) == NOTHING


def test_changed_split_table(finished):
    path = finished.parent / "raw/json/split.csv"
    with edited(path, path.read_text().replace("run-00,train", "run-00,test")):
        assert checkout.stale(finished, *CONFIG) == SPLIT["table"]


def test_settings_of_the_machine(finished, monkeypatch):
    assert checkout.stale(finished, *CONFIG, "--cores", "1", "--set-threads", "train=4") == NOTHING
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert checkout.stale(finished, *CONFIG, "--set-resources", "train:mem_mb=9000") == NOTHING


def test_touched_sources(finished):
    for path in finished.rglob("*.py"):
        os.utime(path)
    assert checkout.stale(finished, *CONFIG) == NOTHING


def test_fresh_clone_beside_old_results(finished, tmp_path):
    clone = checkout.copy_project(tmp_path / "clone")
    for path in clone.rglob("*"):
        os.utime(path)
    shutil.copytree(finished / "config", clone / "config", dirs_exist_ok=True)
    shutil.copytree(finished / "results", clone / "results", copy_function=shutil.copy)  # with new times
    shutil.copytree(finished / ".snakemake", clone / ".snakemake", copy_function=shutil.copy)
    assert checkout.stale(clone, *CONFIG) == NOTHING


def test_raw_data_are_read_once(finished):
    checkout.dry_run(finished, *CONFIG)
    _, output = checkout.dry_run(finished, *CONFIG)
    assert "reading raw data" not in output
