"""The results of a small experiment, and helpers that log them to MLflow, for the tests of tracking."""

import argparse
import json
import os
import shutil
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import ViewType

from graincast.evaluation import metrics
from graincast.experiment import declaration, grid, splits
from graincast.features import table
from scripts import evaluate, figures, measure, track, train
from scripts import members as run_members
from tests.recipes import recipe
from tests.tables import feature_table

ROOT = Path(__file__).parents[1]
GRID = {"threshold": [8], "propagation_steps": [1, 2], "learning_rate": [0.1], "weight_decay": [0], "seed": [0]}
TRAINING = {"iterations": 30, "evaluate_every": 10}
TRIALS = [grid.trial_name(point, declaration.read("sgc").prefixes) for point in grid.points(GRID)]
ABOUT = {"description": "A made-up experiment", "dataset": "made", "model": "sgc"}


def make_results(root: Path) -> Path:
    """A results folder with one experiment, trained and evaluated, and a fresh SQLite store beside it."""
    data = feature_table(40)
    features = root / "results" / "datasets" / "made" / "features" / "three.h5"
    table.write(features, data)
    split = root / "split.csv"
    splits.write(split, data.name, splits.k_fold(data.name, 2, 1, 0.3, 0))
    train_and_test(root, features, split, "sgc", GRID, TRAINING, kind="abnormal", aggregate="mean")
    experiment = experiment_of(root)
    metrics, predictions = experiment / "test_metrics.json", experiment / "predictions.csv"
    out = experiment / "figures"
    figures.main(
        argparse.Namespace(recipe=None, trials=[job_of(root)], metrics=metrics, predictions=predictions, out=out)
    )
    assert run_track("store", settings_of(root)) == 0
    assert (root / "mlflow.db").is_file()
    return root


def train_and_test(
    root: Path,
    features: Path,
    split: Path,
    model: str,
    axes: dict,
    training: dict,
    raw: dict | None = None,
    ensemble: int = 1,
    **target,
) -> None:
    """Train and evaluate the experiment `one`, with an ensemble of more than one model if asked for."""
    job = job_of(root)
    inputs = {"features": features, "split": split, "also": [], "extensions": []}
    parameters = recipe(root / "recipes/train.json", model=model, target=target, grid=axes, training=training)
    options = {"threads": 1, "device": "cpu", "out": job}
    train.main(argparse.Namespace(recipe=parameters, name="one/all", **inputs, **options))
    trained, validation = job / "trained.json", job / "validation.h5"
    measure.main(argparse.Namespace(recipe=None, trained=trained, validation=validation, out=job / "trials.json"))
    select = metrics.selecting(target["kind"])[0]
    members = None
    if ensemble > 1:
        parameters = recipe(root / "recipes/members.json", model=model, select=select, ensemble=ensemble)
        options["out"] = experiment_of(root) / "members"
        run_members.main(argparse.Namespace(recipe=parameters, trials=[job], **inputs, **options))
        members = options["out"] / "members.h5"
    parameters = recipe(root / "recipes/evaluate.json", model=model, select=select, raw=raw)
    options = {"members": members, "out": experiment_of(root)}
    evaluate.main(argparse.Namespace(recipe=parameters, trials=[job], **inputs, **options))


def copied(root: Path, to: Path) -> Path:
    shutil.copytree(root, to)
    return to


def settings_of(root: Path, **changes) -> dict:
    return {"store": f"sqlite:///{root}/mlflow.db", "experiment_prefix": "graincast/", "timeout": 300, **changes}


def experiment_of(root: Path) -> Path:
    return root / "results" / "experiments" / "one"


def job_of(root: Path) -> Path:
    return experiment_of(root) / "trials" / "all"


def run_track(
    step: str, settings: dict, folder: Path | None = None, about: dict = ABOUT, everything: bool = False
) -> int:
    """Run scripts.track in this process; returns its exit status."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow sets it
    arguments: dict = {
        "existing": False,
        "port": None,
        "tracking": settings,
        "folder": folder,
        "results": folder,
        "never_fail": False,
        "all": everything,
    }
    if step in ("trials", "experiment"):
        arguments |= {"recipe": recipe(folder / "recipe.json", **about), "out": folder / "sent.json"}
    try:
        track.main(argparse.Namespace(what=step, **arguments))
    except SystemExit as stop:
        return stop.code
    finally:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    return 0


def log_execution(root: Path, settings: dict | None = None, about: dict = ABOUT) -> None:
    """Log the trials, then the experiment; nothing may stay unsent."""
    settings = settings or settings_of(root)
    for step, folder in (("trials", job_of(root)), ("experiment", experiment_of(root))):
        assert run_track(step, settings, folder, about) == 0
        assert not (folder / track.UNSENT).exists(), json.loads((folder / track.UNSENT).read_text())


def runs_of(root: Path | None = None, store: str = "") -> tuple[MlflowClient, list, dict]:
    """A client, the parent runs, and the trials' runs by trial name; asserts that there is one per trial."""
    client = MlflowClient(store or settings_of(root)["store"])
    experiment = client.get_experiment_by_name("graincast/one")
    runs = (
        list(client.search_runs([experiment.experiment_id], run_view_type=ViewType.ACTIVE_ONLY)) if experiment else []
    )
    parents = [run for run in runs if "graincast.parent" in run.data.tags]
    children = {run.data.tags["graincast.trial"]: run for run in runs if "graincast.trial" in run.data.tags}
    assert len(runs) == len(parents) + len(children)
    return client, parents, children
