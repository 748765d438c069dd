"""Log trials as MLflow runs: parameters, metrics by step, the data set. Their weights stay in the results."""

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag

from graincast.evaluation.metrics import main_metrics
from graincast.experiment.record import pruned_trials, read_record
from graincast.files import hdf5
from graincast.tracking import parents, store

CALL_LIMITS = {"metrics": 1000, "params": 100, "tags": 100}  # MLflow's limits, and 1000 items in total
LONGEST_VALUE, LONGEST_LIST = 6000, 500  # characters
CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")  # if the record names none


def log_trials(folder: Path, note: dict, tracking: dict, advance: Callable[[], None] = lambda: None) -> int:
    """Log each trial in a training job's folder as a run. Returns the number of runs created.

    note     written when the trials were trained, see notes.py
    advance  called after each trial
    Runs that an earlier attempt with the same note finished are kept, and if the note is about logging once more, those
    made from the same recipe; other runs of this job's trials are replaced.
    """
    record = read_record(folder)
    with hdf5.opened(folder / "history.h5") as file:
        steps, curves = file["steps"][:], file["curves"][:]
    client = store.connect(tracking)
    experiment_id = store.experiment(client, tracking["experiment_prefix"] + record["experiment"])
    earlier: dict[str, list[Run]] = {}
    for run in store.runs_where(client, experiment_id, experiment=record["experiment"], job=record["job"], trial=None):
        earlier.setdefault(run.data.tags["graincast.trial"], []).append(run)
    created, parent = 0, None
    for trial, curve in zip([*record["trials"], *pruned_trials(record)], curves, strict=True):
        former = earlier.get(trial["trial"], [])
        same_note = [run for run in former if run.data.tags.get("graincast.note") == note["id"]]
        same_recipe = [run for run in former if note["again"] and run.data.tags.get(parents.RECIPE) == note["recipe"]]
        if any(run.info.status == "FINISHED" for run in (*same_note, *same_recipe)):
            continue
        parent = parent or parents.of_trials(client, experiment_id, record["experiment"], note)
        tags = {
            parents.PARENT: parent.info.run_id,
            "graincast.trial": trial["trial"],
            "graincast.job": record["job"],
            "graincast.note": note["id"],
            parents.RECIPE: note["recipe"],
            **record_tags(record, note),
            **_trial_tags(trial),
            **({"graincast.rule": "study"} if "search" in record else {}),
        }
        if former:
            tags["graincast.replaces"] = ",".join(run.info.run_id for run in former)
        metrics = _metrics(record, trial, steps, curve, round(1000 * note["time"]))
        with store.locked(mlflow.get_tracking_uri()):
            _log_trial(client, experiment_id, tags, metrics, record, trial, note)
            for run in former:
                store.delete(client, run)
        created += 1
        advance()
    return created


def _log_trial(
    client: MlflowClient,
    experiment_id: str,
    tags: dict[str, str],
    metrics: list[Metric],
    record: dict,
    trial: dict,
    note: dict,
) -> None:
    start = round(1000 * note["time"])
    run = client.create_run(experiment_id, tags=tags, run_name=trial["trial"], start_time=start)
    client.update_run(run.info.run_id, status="KILLED")  # the status to leave if this is interrupted
    log_values(client, run.info.run_id, metrics, params(record, trial))
    log_dataset(client, run.info.run_id, record)
    client.set_terminated(run.info.run_id, end_time=start)


def record_tags(record: dict, note: dict) -> dict[str, str]:
    """The tags to find a run by: experiment, data and model, and where and when it was trained."""
    keys = ("experiment", "dataset", "model", "features")
    return {
        **{f"graincast.{key}": record[key] for key in keys},
        "graincast.dataset_fingerprint": record["fingerprint"],
        "mlflow.note.content": note["about"]["description"],
        **note["tags"],
    }


def _trial_tags(trial: dict) -> dict[str, str]:
    pruned = trial.get("pruned", {})
    folds = list(trial["by_fold"]) or list(pruned)
    joined = ",".join(folds)
    if len(joined) > LONGEST_LIST:
        joined = f"{folds[0]} … {folds[-1]} ({len(folds)})"
    tags = {"fold": joined, "pruned": ",".join(map(str, pruned.values()))}
    tags |= {key: _readable(trial["params"][key]) for key in ("threshold", "seed") if key in trial["params"]}
    return {f"graincast.{key}": value for key, value in tags.items() if value}


def params(record: dict, trial: dict) -> dict[str, str]:
    """A trial's parameters as readable text: numbers as written, lists as "a, b", nested keys with dots."""
    values = {key: record[key] for key in ("model", "dataset", "features", "columns", "split")}
    values["also_train_on"] = list(record.get("also_train_on", {})) or None
    values |= {**record.get("training", {}), **record["target"], **trial["params"]}
    return {key: _readable(value)[:LONGEST_VALUE] for key, value in _flattened(values) if value is not None}


def _flattened(nested: dict, prefix: str = "") -> Iterable[tuple[str, object]]:
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _readable(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_readable, value)) if isinstance(value, list | tuple) else str(value)


def _metrics(record: dict, trial: dict, steps: np.ndarray, curve: np.ndarray, now: int) -> list[Metric]:
    """Training curves (mean over the folds still running), validation metrics, and the main metrics of each fold."""
    metrics = []
    for column, name in enumerate(record.get("curves", CURVES) if curve.size else ()):
        values = curve[..., column]
        running = ~np.isnan(values)
        mean = np.where(running, values, 0).sum(axis=0) / np.maximum(1, running.sum(axis=0))
        recorded = running.any(axis=0)
        points = zip(steps[recorded], mean[recorded], strict=True)
        metrics += [Metric(name, float(value), now, int(step)) for step, value in points]
    metrics += scalars("best_validation_{}", trial["validation"], now)
    main = main_metrics(record["target"]["kind"])
    for i, values in enumerate(trial["by_fold"].values()):
        metrics += scalars("fold_{}", {name: values[name] for name in main}, now, i)
    return metrics


def scalars(name: str, values: dict, now: int, step: int = 0) -> list[Metric]:
    """The finite numbers among named values, as metrics; {} in `name` stands for the value's name."""
    numbers = {key: value for key, value in values.items() if isinstance(value, int | float)}
    return [Metric(name.format(key), float(v), now, step) for key, v in numbers.items() if math.isfinite(v)]


def log_values(
    client: MlflowClient, run_id: str, metrics: list[Metric], params: dict, tags: dict | None = None
) -> None:
    """Log metrics, parameters and tags in as few calls as MLflow allows."""
    remaining: dict[str, list] = {
        "params": [Param(key, value) for key, value in params.items()],
        "tags": [RunTag(key, value) for key, value in (tags or {}).items()],
        "metrics": metrics,
    }
    while any(remaining.values()):
        room, batch = CALL_LIMITS["metrics"], {}
        for kind, items in remaining.items():
            count = min(room, CALL_LIMITS[kind])
            batch[kind], remaining[kind] = items[:count], items[count:]
            room -= len(batch[kind])
        client.log_batch(run_id, synchronous=True, **batch)


def log_dataset(client: MlflowClient, run_id: str, record: dict) -> None:
    """Log the data set and its features as the run's training data."""
    source = json.dumps({key: record[key] for key in ("dataset", "features", "split")})
    dataset = Dataset(record["dataset"], record["fingerprint"], "graincast", source)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
