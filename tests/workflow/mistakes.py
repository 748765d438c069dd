"""Mistakes that users make: how each comes about, the command that meets it, and what the error must say."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Change = Callable[[Path], None]
SMALL = "config/small.yaml"
MADE = "config/experiments/made.yaml"
PLAN = f"graincast plan {SMALL}"
MAKE = f"make CONFIG={SMALL}"
DRY = f"snakemake --dry-run --configfile {SMALL}"


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    command  as typed in the project's folder
    says     parts of the message: what is wrong, and how to mend it
    change   what has happened to the project
    """

    command: str
    says: tuple[str, ...]
    change: Change = lambda folder: None


def write(path: Path, text: str = "") -> None:
    """Write a file anew: the one that is there may be a hard link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")


def edit(file: str, old: str, new: str) -> Change:
    """Replace some text of a file."""

    def change(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        write(folder / file, text.replace(old, new, 1))

    return change


def file(name: str, text: str = "", executable: bool = False) -> Change:
    """Write a file."""

    def change(folder: Path) -> None:
        write(folder / name, text)
        (folder / name).chmod(0o755 if executable else 0o644)

    return change


def link(name: str, target: str) -> Change:
    """Make a symbolic link."""
    return lambda folder: (folder / name).symlink_to(target)


def killed(folder: Path) -> None:
    """Leave the lock of a run that was killed, as Snakemake does."""
    write(folder / ".snakemake/locks/0.output.lock", "results/comparison.csv\n")


JSON = "path: $RAW_DATA_ROOT/json\n"
OLD = '#!/bin/sh\nshift\nexec python3 -c "import sys; sys.version_info = (3, 9, 2)\n$1"\n'
WEIGHTS = "network: {path: vgg16.pth, sha256: " + 64 * "a" + "}"

CONFIGURATION = {
    "a key of the top level is misspelt": Mistake(
        PLAN,
        (SMALL, "unknown key 'experiment'", "did you mean 'experiments'?"),
        edit(SMALL, "experiments", "experiment"),
    ),
    "a key of a data set is misspelt": Mistake(
        f"make plan CONFIG={SMALL}",
        (SMALL, "datasets.made.simulate: unknown key 'red_fractoin'; did you mean 'red_fraction'?"),
        edit(SMALL, "red_fraction", "red_fractoin"),
    ),
    "a key of an experiment is misspelt": Mistake(
        MAKE,
        (f"{MADE}: training: unknown key 'iteration'; did you mean 'iterations'?",),
        edit(MADE, "iterations", "iteration"),
    ),
    "an experiment's name is misspelt": Mistake(
        DRY, (SMALL, "experiments: no file", "maid.yaml; did you mean 'made'?"), edit(SMALL, "[made,", "[maid,")
    ),
    "a data set is absent": Mistake(
        f"graincast status {SMALL}",
        (f"{MADE}: dataset: 'mad' is not among the datasets of {SMALL}", "did you mean 'made'?"),
        edit(MADE, "dataset: made", "dataset: mad"),
    ),
    "a tab": Mistake(MAKE, (f"{SMALL}: line 5: not valid YAML", r"'\t'"), edit(SMALL, "    hops", "\thops")),
    "a tab, planned": Mistake(PLAN, (f"{SMALL}: line 5: not valid YAML", r"'\t'"), edit(SMALL, "    hops", "\thops")),
    "a key twice": Mistake(
        DRY,
        (f"{SMALL}: line 6: duplicate key 'hops', first in line 5",),
        edit(SMALL, "    hops: 2", "    hops: 2\n    hops: 3"),
    ),
    "the configuration's path is misspelt": Mistake(
        "make CONFIG=config/smal.yaml", ("config/smal.yaml: no such file; did you mean 'config/small.yaml'?",)
    ),
    "the configuration's path is misspelt, planned": Mistake(
        "graincast plan config/smal.yaml", ("config/smal.yaml: no such file; did you mean 'config/small.yaml'?",)
    ),
    "the configuration is a folder": Mistake(
        "make CONFIG=config", ("config: a folder; name a configuration file in it",)
    ),
    "one of two configurations is misspelt": Mistake(
        f'{MAKE} ARGS="--configfile {SMALL} config/mine.yaml"', ("config/mine.yaml: no such file; correct the path",)
    ),
    "an override is misspelt": Mistake(
        DRY + " --config 'tracking={\"timeot\": 30}'",
        (SMALL, "tracking: unknown key 'timeot'; did you mean 'timeout'?"),
    ),
    "an override without a value": Mistake(
        f'{MAKE} ARGS="--config device"', ("--config device: not KEY=VALUE", "ARGS=")
    ),
    "a target is taken for a configuration": Mistake(
        f'make ARGS="--configfile {SMALL} results/comparison.csv"',
        ("results/comparison.csv: no such file", "-- TARGETS"),
    ),
}
DATA = {
    "a path is wrong": Mistake(
        f"make plan CONFIG={SMALL}",
        (SMALL, "datasets.given.path: no folder /nowhere; correct the path"),
        edit(SMALL, JSON, "path: /nowhere\n"),
    ),
    "a folder is empty": Mistake(
        MAKE,
        (SMALL, "datasets.given: no raw data in", "empty; correct path or source"),
        edit(SMALL, JSON, "path: $RAW_DATA_ROOT/empty\n"),
    ),
    "a source is another one": Mistake(
        DRY,
        (SMALL, "datasets.given: no raw data in", "json; correct path or source (spparks)"),
        edit(SMALL, "source: deepspparks-json", "source: spparks"),
    ),
    "a variable is not set": Mistake(
        MAKE,
        (f"{SMALL}: datasets.given.path: the environment variable RAW_DATA is not set; export it",),
        edit(SMALL, JSON, "path: $RAW_DATA/json\n"),
    ),
    "weights are missing": Mistake(
        MAKE,
        (f"{SMALL}: vision_sets.random.network.path: no file vgg16.pth; fetch it",),
        edit(SMALL, "network: {random: 0}", WEIGHTS),
    ),
    "a published data set is misspelt": Mistake(
        "make data SET=publishd", ("config/data/publishd.yaml", "did you mean 'published'?")
    ),
}
MACHINE = {
    "a file where results belong": Mistake(
        MAKE, ("results: a file, where results need a folder; move it away",), file("results")
    ),
    "results are a link to nothing": Mistake(
        PLAN,
        ("results: a link to /scratch/gone, which is not there; make that folder",),
        link("results", "/scratch/gone"),
    ),
    "the disk is full": Mistake(
        f"graincast config {SMALL} >/dev/full", ("output: No space left on device; free some space and run again",)
    ),
    "Python is too old": Mistake(
        "make plan VENV=.new PYTHON=./python3.9",
        ("graincast needs Python 3.11 or newer; name one with PYTHON=",),
        file("python3.9", OLD, executable=True),
    ),
    "Python is not there": Mistake(
        "make plan VENV=.new PYTHON=python3.99", ("no program python3.99", "name a Python 3.11 or newer with PYTHON=")
    ),
    "torch's build is none": Mistake("make TORCH=gpu", ("no TORCH=gpu: choose one of cpu cuda",)),
    "a variable of make is misspelt": Mistake(f"make CONFG={SMALL}", ("no variable CONFG: choose one of", "CONFIG")),
    "the profile is misspelt": Mistake("make PROFILE=slrum", ("no profile slrum: profiles/ has default slurm",)),
    "a run was killed": Mistake(
        f'{MAKE} ARGS="-- results/comparison.csv"',
        ("locked by another run, or by one that was killed", "`make run ARGS=--unlock`"),
        killed,
    ),
    "the worker image is not there": Mistake(
        f'{MAKE} ARGS="--use-singularity"', ("no worker image", "build it with `make container`, or configure")
    ),
    "another folder": Mistake(
        f"cd .. && graincast plan project/{SMALL}", ("no Snakefile here; run this in graincast's folder",)
    ),
    "another folder, without a configuration": Mistake(
        "cd .. && graincast status", ("config/config.yaml: no such file", "work in the project's folder")
    ),
}
RESULTS = {
    "a target is misspelt": Mistake(
        f'{MAKE} ARGS="-- results/comparson.csv"', ("results/comparson.csv: no step makes this; correct the name",)
    ),
    "a prediction is misspelt": Mistake(
        f"make predict CONFIG={SMALL} INPUT=sampel", ("results/predictions/sampel: no step makes this", "configuration")
    ),
    "no model to predict with": Mistake("make predict", ("name INPUT=…, or MODEL=… and DATA=…",)),
    "a model is not there": Mistake(
        "make predict MODEL=mad DATA=config",
        ("model mad: results/experiments/mad/model.h5 is not there; train the experiment first (make)",),
    ),
    "a model is none": Mistake(
        "make predict MODEL=README.md DATA=config", ("model README.md: no trained model; give a model.h5",)
    ),
    "a model to explain is not there": Mistake(
        "graincast explain --model there/model.h5 --out out", ("model there/model.h5: no such file; give a trained",)
    ),
    "an experiment to bundle is misspelt": Mistake(
        "graincast bundle mad",
        ("mad: no such experiment in results/experiments; did you mean made?",),
        file("results/experiments/made/configuration.yaml"),
    ),
    "an experiment to bundle is half finished": Mistake(
        "graincast bundle made",
        ("made: not finished, results/experiments/made/test_metrics.json is missing; run the workflow",),
        file("results/experiments/made/configuration.yaml"),
    ),
    "a data set to draw is not there": Mistake(
        "graincast draw mad", ("results: has no graphs of a data set mad; run the workflow first (make)",)
    ),
    "nothing to report": Mistake(
        "graincast report", ("results/comparison.csv: missing, so no experiment has finished here; run the workflow",)
    ),
    "no store to show": Mistake(
        f"make ui CONFIG={SMALL}", ("results/mlflow.db: there is no store yet; run the workflow first",)
    ),
    "the pages of a server": Mistake(
        "make ui MLFLOW_TRACKING_URI=http://127.0.0.1:9", ("MLFLOW_TRACKING_URI names a server: its pages are at",)
    ),
    "a command is misspelt": Mistake("graincast stauts", ("invalid choice: 'stauts'", "--help explains")),
}
MISTAKES = CONFIGURATION | DATA | MACHINE | RESULTS
