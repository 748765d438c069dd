"""What runs again, seen in real dry runs: one for each kind of change, with and without Snakemake's own records.

Every configuration key has a row in tests/unit/test_stale_table.py.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from graincast.files.name_hash import uniform
from tests.synthetic import graph
from tests.workflow import checkout
from tests.workflow.edits import edited, with_edits
from tests.workflow.stale_table import (
    AFTER_EVALUATE,
    AFTER_GRAPHS,
    CEILING,
    COMPARE,
    ENCODE,
    ENCODER,
    EVALUATE,
    GRAPHS,
    INITIALISE,
    NAMES,
    NOTHING,
    SIMULATE,
    SPLIT,
    SUMMARISE,
    TRAIN,
    VISION,
    every,
    training,
)

CONFIG = ("--configfile", "config/small.yaml")

# One file of each kind, and what an edit of its code makes stale; closures: tests/unit/test_sources.py.
FILES = {
    "graincast/potts/events.py": INITIALISE,
    "scripts/simulate.py": SIMULATE,
    "graincast/raw/deepspparks.py": every({"given": GRAPHS["given"]}),
    "graincast/raw/spparks.py": GRAPHS["made"],
    "graincast/models/sgc.py": TRAIN["made"] | TRAIN["given"] | TRAIN["tabled"],
    "graincast/evaluation/metrics.py": every(EVALUATE)
    | {"members:attended"}  # as it chooses the trial
    | every(CEILING)
    | {f"measure:{name}/all" for name in NAMES if name != "given"}
    | {f"log_trials:{name}/all" for name in NAMES if name != "given"}
    | {f"{rule}:given/{job}" for rule in ("measure", "log_trials") for job in ("t2", "t3")},
    "graincast/program/progress.py": NOTHING,
    "graincast/tracking/trial_runs.py": NOTHING,
    "Snakefile": NOTHING,
    "README.md": NOTHING,
    "profiles/default/config.yaml": NOTHING,
}


def with_code(text: str) -> str:
    return text + "\nedited_code = 1\n"


def test_nothing_runs_twice(finished):
    assert checkout.stale(finished, *CONFIG) == NOTHING
    again = checkout.run(finished, *CONFIG)
    assert again.returncode == 0 and "Nothing to be done" in again.stdout, again.stdout


@pytest.mark.parametrize("file", FILES)
def test_edited_code(finished, file):
    path = finished / file
    text = path.read_text(encoding="utf-8")
    with edited(path, with_code(text) if path.suffix == ".py" else f"{text}\n# edited\n"):
        assert checkout.stale(finished, *CONFIG) == FILES[file]
    assert checkout.stale(finished, *CONFIG) == NOTHING


def test_words_are_not_code(finished):
    path = finished / "graincast/models/sgc.py"
    text = path.read_text(encoding="utf-8")
    with edited(path, text.replace('"""', '"""Other words. ', 1) + "\n# a comment\n"):
        assert checkout.stale(finished, *CONFIG) == NOTHING


def test_a_pinned_package_counts_where_it_bears_on_numbers(finished):
    lock = finished / "envs/requirements.lock"
    text = lock.read_text(encoding="utf-8")
    for package, expected in {
        "mlflow": NOTHING,
        "torch-geometric": TRAIN["attended"],
        "optuna": NOTHING,
        "numba": None,
    }.items():
        lines = [f"{package}==99.0" if line.startswith(f"{package}==") else line for line in text.splitlines()]
        with edited(lock, "\n".join(lines) + "\n"):
            stale = checkout.stale(finished, *CONFIG)
        assert stale == expected if expected is not None else stale >= INITIALISE
    assert checkout.stale(finished, *CONFIG) == NOTHING


def test_containers_are_no_difference(finished):
    assert checkout.stale(finished, *CONFIG, "--use-singularity") == NOTHING


@pytest.fixture
def copy(finished, tmp_path):
    """copy(records, times): a copy of the checkout, perhaps without Snakemake's records or with new times."""

    def make(records: bool, times: bool) -> Path:
        folder = tmp_path / f"copy-{records}-{times}"
        shutil.copytree(
            finished,
            folder,
            symlinks=True,
            copy_function=shutil.copy2 if times else shutil.copy,
            ignore=None if records else shutil.ignore_patterns(".snakemake"),
        )
        return folder

    return make


def edit_learning_rate(folder: Path) -> None:
    path = folder / "config/experiments/made.yaml"
    path.write_text(with_edits(yaml.safe_load(path.read_text()), {"grid.learning_rate": [0.2]}))


def revert_learning_rate(folder: Path) -> None:
    path = folder / "config/experiments/made.yaml"
    path.write_text(with_edits(yaml.safe_load(path.read_text()), {"grid.learning_rate": [0.1]}))


@pytest.mark.parametrize("records", [True, False])
def test_an_edit_is_seen_and_its_reversal_undoes_it(copy, records):
    folder = copy(records=records, times=True)
    assert checkout.stale(folder, *CONFIG) == NOTHING
    edit_learning_rate(folder)
    assert checkout.stale(folder, *CONFIG) == TRAIN["made"]
    assert checkout.stale(folder, *CONFIG) == TRAIN["made"]
    revert_learning_rate(folder)
    assert checkout.stale(folder, *CONFIG) == NOTHING


TOUCHED = {
    "training": ("config/experiments/made.yaml", {"grid.learning_rate": [0.2]}, TRAIN["made"]),
    "a folder of simulated runs": ("config/small.yaml", {"datasets.made.simulate.seed": 2}, INITIALISE),
}


@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("edit", TOUCHED)
def test_touched_outputs_do_not_hide_an_edit(copy, records, edit):
    folder = copy(records=records, times=True)
    file, edits, expected = TOUCHED[edit]
    path = folder / file
    path.write_text(with_edits(yaml.safe_load(path.read_text()), edits))
    touched = checkout.run(folder, *CONFIG, "--touch")
    assert touched.returncode == 0, touched.stdout
    assert checkout.stale(folder, *CONFIG) == expected


def test_results_put_back_beside_newer_records_are_made_again(copy):
    """Snakemake's records know the recipe of the results that were there before; the recipe is renewed all the same."""
    folder = copy(records=True, times=True)
    shutil.copytree(folder / "results", folder / "backup", symlinks=True)
    edit_learning_rate(folder)
    assert checkout.run(folder, *CONFIG).returncode == 0
    assert checkout.stale(folder, *CONFIG) == NOTHING
    shutil.rmtree(folder / "results")
    (folder / "backup").rename(folder / "results")
    assert checkout.stale(folder, *CONFIG) == TRAIN["made"]
    assert checkout.stale(folder, *CONFIG) == TRAIN["made"]


@pytest.mark.parametrize("records", [True, False])
def test_raw_data_that_are_put_back_run_nothing(copy, finished, tmp_path, monkeypatch, records):
    folder = copy(records=records, times=True)
    shutil.copytree(finished.parent / "raw", tmp_path / "raw")
    monkeypatch.setenv("RAW_DATA_ROOT", str(tmp_path / "raw"))
    new = tmp_path / "raw/json/run-99.json"
    new.write_text(json.dumps(graph(99)))
    assert checkout.stale(folder, *CONFIG) == only_its_shard("run-99")
    new.unlink()
    assert checkout.stale(folder, *CONFIG) == NOTHING


def test_a_removed_input_is_seen_without_records(copy):
    folder = copy(records=False, times=True)
    path = folder / "config/experiments/given.yaml"
    path.write_text(with_edits(yaml.safe_load(path.read_text()), {"target.threshold": [2]}))
    expected = EVALUATE["given"] | {"log_trials:given/t2"} | CEILING["given"]  # whose thresholds are the experiments'
    assert checkout.stale(folder, *CONFIG) == expected


def test_copied_results_are_adopted(copy, monkeypatch):
    folder = copy(records=False, times=False)
    assert checkout.stale(folder, *CONFIG) != NOTHING
    done = graincast(folder, "adopt", "config/small.yaml")
    assert done.returncode == 0 and done.stdout.splitlines()[-1].endswith(" jobs adopted, 0 not"), done.stdout
    assert checkout.stale(folder, *CONFIG) == NOTHING
    edit_learning_rate(folder)
    assert checkout.stale(folder, *CONFIG) == TRAIN["made"]


def test_damaged_results_are_not_adopted_and_are_made_again(copy):
    folder = copy(records=False, times=False)
    models = folder / "results/experiments/made/trials/all/models.h5"
    content = bytearray(models.read_bytes())
    content[len(content) // 2] ^= 1
    models.write_bytes(content)
    done = graincast(folder, "adopt", "config/small.yaml")
    assert "not adopted: train/made/all: " in done.stdout and "models.h5 is damaged" in done.stdout, done.stdout
    assert "not adopted: evaluate/made: what it was made from is made again" in done.stdout
    assert checkout.stale(folder, *CONFIG) == TRAIN["made"]


def test_damaged_manifests_are_written_again(copy):
    folder = copy(records=True, times=True)
    for name in ("raw/0000.json", "raw/seen.json"):
        path = folder / "results/datasets/given" / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 128
        path.write_bytes(content)
    assert checkout.stale(folder, *CONFIG) == NOTHING


def test_a_reader_refuses_a_damaged_file_and_it_is_made_again(copy):
    folder = copy(records=True, times=True)
    features = folder / "results/datasets/made/features/plain.h5"
    content = bytearray(features.read_bytes())
    content[-20] ^= 1
    features.write_bytes(content)
    edit_learning_rate(folder)
    first = checkout.run(folder, *CONFIG)
    assert first.returncode and "plain.h5: damaged since it was made; run again" in first.stdout, first.stdout
    assert checkout.stale(folder, *CONFIG) >= {"features:made/plain"}
    second = checkout.run(folder, *CONFIG)
    assert second.returncode == 0, second.stdout
    assert graincast(folder, "verify").returncode == 0


def test_no_recipe_is_written_while_another_run_holds_the_results(copy):
    folder = copy(records=True, times=True)
    recipe = folder / "results/recipes/train/made/all.json"
    before = recipe.read_bytes()
    code = "import sys, time; from graincast.planning import lock; print(lock.take(), flush=True); time.sleep(600)"
    holder = subprocess.Popen([sys.executable, "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "True\n"
        edit_learning_rate(folder)
        planned = checkout.run(folder, *CONFIG, "--dry-run")
        assert "another run holds results/" in planned.stdout and "Nothing to be done" in planned.stdout
        refused = checkout.run(folder, *CONFIG, "--forcerun", "compare")
        assert refused.returncode and "holds results/: wait until it has ended" in refused.stdout, refused.stdout
        assert recipe.read_bytes() == before
    finally:
        holder.kill()
        holder.wait()
    assert checkout.stale(folder, *CONFIG) == TRAIN["made"]


def test_the_plan_says_why(copy):
    folder = copy(records=True, times=True)
    assert graincast(folder, "plan", "config/small.yaml").stdout == "everything is up to date\n"
    edit_learning_rate(folder)
    done = graincast(folder, "plan", "config/small.yaml")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("grid.learning_rate [0.1] → [0.2] (experiment made): 1 training job, 1 measurement"), line
    assert "by earlier runs" in line


def test_somebody_else_s_data_are_used_where_the_recipes_agree(copy, finished):
    folder = copy(records=False, times=True)
    shutil.rmtree(folder / "results")
    path = folder / "config/small.yaml"
    theirs = {"datasets.given.results": str(finished / "results"), "datasets.made.results": str(finished / "results")}
    path.write_text(with_edits(yaml.safe_load(path.read_text()), theirs | {"datasets.made.hops": 3}))
    planned = checkout.run(folder, *CONFIG, "--dry-run")
    assert planned.returncode == 0, planned.stdout
    assert "datasets.made.results: graphs/made/0000 is made here: hops 2 → 3" in planned.stdout
    stale = checkout.jobs(planned.stdout)
    assert not stale & {"graphs:given/0000", "features:given/shape", "simulate:made/0000"}
    assert {"graphs:made/0000", "graphs:made/0001", "train:tabled/all"} <= stale
    assert (folder / "results/datasets/given/features/shape.h5").is_symlink()


def test_pruning_removes_what_no_configuration_names(copy):
    folder = copy(records=True, times=True)
    path = folder / "config/small.yaml"
    path.write_text(with_edits(yaml.safe_load(path.read_text()), {"experiments": ["made", "given"]}))
    listed = graincast(folder, "prune", "config/small.yaml")
    assert "results/experiments/tabled" in listed.stdout.splitlines(), listed.stdout
    assert "MLflow experiment graincast/tabled" in listed.stdout
    assert (folder / "results/experiments/tabled").is_dir()
    assert graincast(folder, "prune", "config/small.yaml", "--yes").returncode == 0
    assert not (folder / "results/experiments/tabled").exists()
    assert (folder / "results/experiments/made/test_metrics.json").is_file()
    assert checkout.stale(folder, *CONFIG) <= COMPARE | SUMMARISE["given"]


def graincast(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command in a checkout."""
    command = [sys.executable, "-m", "graincast", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=checkout.HOUR, check=False)


MISSING = {
    "trials.json of training": ("experiments/made/trials/all/trials.json", TRAIN["made"] - {"train:made/all"}),
    "what was trained": ("experiments/made/trials/all/models.h5", TRAIN["made"]),
    "test results": ("experiments/given/test_metrics.json", EVALUATE["given"]),
    "features": ("datasets/made/features/plain.h5", {"features:made/plain"} | TRAIN["made"]),
    "codes": ("datasets/given/codes/tiny-2.h5", ENCODE),
    "an encoder": ("datasets/given/encoders/tiny/encoder.h5", ENCODER),
    "pictures": ("datasets/images/features/random.h5", VISION),
    "a split": ("datasets/given/splits/folds.csv", SPLIT["folds"]),
    "a shard": ("datasets/given/graphs/0001.h5", {"graphs:given/0001"} | AFTER_GRAPHS["given"]),
    "initial states": ("datasets/made/initial/0000.json", INITIALISE),
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


def test_added_experiment(finished):
    path = finished / "config/small.yaml"
    text = with_edits(yaml.safe_load(path.read_text()), {"experiments": [*NAMES, "more"]})
    more = (finished / "config/experiments/made.yaml").read_text().replace("[1, 2]", "[1]")
    with edited(path, text), edited(finished / "config/experiments/more.yaml", more):
        expected = training("more", "all") | {f"{rule}:more" for rule in ("evaluate", *AFTER_EVALUATE)} | COMPARE
        assert checkout.stale(finished, *CONFIG) == expected


def shard_of(name: str) -> str:
    return f"{int(3 * uniform('shard', name)):04d}"


def only_its_shard(name: str) -> set[str]:
    return {f"graphs:given/{shard_of(name)}"} | AFTER_GRAPHS["given"]


def test_results_of_another_configuration_join_the_comparison(copy):
    """Those with a note of what they were made from; others are left out, and stop nothing."""
    folder = copy(records=True, times=True)
    experiments = folder / "results/experiments"
    shutil.copytree(experiments / "made", experiments / "unknown")
    assert checkout.stale(folder, *CONFIG) == NOTHING
    shutil.copytree(experiments / "made", experiments / "elsewhere")
    note = experiments / "elsewhere/test_metrics.json.made_from.json"
    note.write_text(note.read_text().replace("experiments/made/", "experiments/elsewhere/"))
    assert checkout.stale(folder, *CONFIG) == COMPARE
    done = checkout.run(folder, *CONFIG)
    assert done.returncode == 0, done.stdout
    assert checkout.stale(folder, *CONFIG) == NOTHING


def test_two_edits_at_once(finished):
    """A step that runs again for one reason must not hide that another is stale for its own."""
    small, made = finished / "config/small.yaml", finished / "config/experiments/made.yaml"
    raised = with_edits(yaml.safe_load(small.read_text()), {"datasets.made.max_rejected": 0.5})
    slower = with_edits(yaml.safe_load(made.read_text()), {"grid.learning_rate": [0.2]})
    with edited(small, raised), edited(made, slower), edited(finished / "results/tracking/store", None):
        assert checkout.stale(finished, *CONFIG) == {"tracking_store", "check_rejected:made"} | TRAIN["made"]


def test_added_raw_file(finished):
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


def test_raw_data_are_read_once(finished):
    checkout.dry_run(finished, *CONFIG)
    _, output = checkout.dry_run(finished, *CONFIG)
    assert "reading raw data" not in output
