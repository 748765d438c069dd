"""Runs of trials: parameters, metrics by step, the data set, the record, the model."""

import json
import math
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, Run, RunTag

from graincast.experiment.record import read_record
from graincast.files import hdf5
from graincast.tracking import parents, store
from graincast.tracking.parameters import Parameters, of_job
from graincast.tracking.served_models import log_model

A_CALL = {"metrics": 1000, "params": 100, "tags": 100}  # MLflow's own limits, and 1000 of all together
LONGEST_VALUE, LONGEST_LIST = 6000, 500
BY_PARTITION = ("accuracy", "mae")
CURVES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")  # where a record names none


def log_trials(folder: Path, note: dict, tracking: dict, advance: Callable[[], None] = lambda: None) -> int:
    """Make a run of each trial of a training job's folder. Returns how many were made.

    note     what the program noted when the trials were trained: id, about, tags, time
    advance  called after each trial
    What an earlier attempt of the same note has finished stays; any other run of a trial of this job is replaced.
    """
    record = read_record(folder)
    parameters = of_job(folder / "models.pt", [trial["trial"] for trial in record["trials"]])
    with hdf5.opened(folder / "history.h5") as file:
        steps, curves = file["steps"][:], file["curves"][:]
    client = store.connect(tracking)
    experiment_id = store.experiment(client, tracking["experiment_prefix"] + record["experiment"])
    parent = parents.of_execution(client, experiment_id, record["experiment"], note)
    earlier: dict[str, list[Run]] = {}
    for run in store.runs_where(client, experiment_id, experiment=record["experiment"], job=record["job"], trial=None):
        earlier.setdefault(run.data.tags["graincast.trial"], []).append(run)
    made = 0
    for trial, curve in zip(record["trials"], curves, strict=True):
        former = earlier.get(trial["trial"], [])
        done = [run for run in former if run.data.tags.get("graincast.note") == note["id"]]
        if any(run.info.status == "FINISHED" for run in done):
            continue
        tags = {
            parents.PARENT: parent.info.run_id,
            "graincast.trial": trial["trial"],
            "graincast.job": record["job"],
            "graincast.note": note["id"],
            **record_tags(record, note),
            **_point_tags(record, trial),
        }
        if former:
            tags["graincast.replaces"] = ",".join(run.info.run_id for run in former)
        metrics = _metrics(record, trial, steps, curve, round(1000 * note["time"]))
        with store.alone(mlflow.get_tracking_uri()):
            _log_trial(client, experiment_id, tags, metrics, record, trial, note, parameters[trial["trial"]])
            for one in former:
                store.delete(client, one)
        made += 1
        advance()
    return made


def _log_trial(
    client: MlflowClient, experiment_id: str, tags, metrics, record, trial, note, parameters: Parameters
) -> None:
    start = round(1000 * note["time"])
    run = client.create_run(experiment_id, tags=tags, run_name=trial["trial"], start_time=start)
    client.update_run(run.info.run_id, status="KILLED")  # what it would be, were this interrupted
    log_values(client, run.info.run_id, metrics, params(record, trial))
    log_dataset(client, run.info.run_id, record)
    with tempfile.TemporaryDirectory() as temporary:
        for name, content in (("experiment", note["about"]), ("trial", trial)):
            Path(temporary, f"{name}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        client.log_artifacts(run.info.run_id, temporary)
    log_model(client, run, record, trial["params"].get("threshold"), note["about"], parameters)
    client.set_terminated(run.info.run_id, end_time=start)


def record_tags(record: dict, note: dict) -> dict[str, str]:
    """The tags by which a person finds a run: of what, on what, and of where and when it was made."""
    kinds = ("experiment", "dataset", "model", "features")
    return {
        **{f"graincast.{key}": record[key] for key in kinds},
        "graincast.dataset_fingerprint": record["fingerprint"],
        "mlflow.note.content": note["about"]["description"],
        **note["tags"],
    }


def _point_tags(record: dict, trial: dict) -> dict[str, str]:
    folds = list(trial["by_fold"])
    joined = ",".join(folds)
    if len(joined) > LONGEST_LIST:
        joined = f"{folds[0]} … {folds[-1]} ({len(folds)})"
    found = {"fold": joined}
    found |= {key: _readable(trial["params"][key]) for key in ("threshold", "seed") if key in trial["params"]}
    return {f"graincast.{key}": value for key, value in found.items() if value}


def params(record: dict, trial: dict) -> dict[str, str]:
    """A trial's parameters as readable texts: numbers as they are written, lists as "a, b", nothing nested."""
    given = {key: record[key] for key in ("model", "dataset", "features", "columns", "split")}
    given |= {**record.get("training", {}), **record["target"], **trial["params"]}
    return {key: _readable(value)[:LONGEST_VALUE] for key, value in _flat(given) if value is not None}


def _flat(given: dict, prefix: str = "") -> Iterable[tuple[str, object]]:
    for key, value in given.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _readable(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(_readable, value)) if isinstance(value, list | tuple) else str(value)


def _metrics(record: dict, trial: dict, steps: np.ndarray, curve: np.ndarray, now: int) -> list[Metric]:
    """Curves (mean over the folds that still ran), validation metrics, and main measures by fold."""
    found = []
    for column, name in enumerate(record.get("curves", CURVES) if curve.size else ()):
        values = curve[..., column]
        ran = ~np.isnan(values)
        mean = np.where(ran, values, 0).sum(axis=0) / np.maximum(1, ran.sum(axis=0))
        there = ran.any(axis=0)
        found += [Metric(name, float(v), now, int(s)) for s, v in zip(steps[there], mean[there], strict=True)]
    found += scalars("best_validation_{}", trial["validation"], now)
    for i, measured in enumerate(trial["by_fold"].values()):
        found += scalars("partition_{}", {key: measured.get(key) for key in BY_PARTITION}, now, i)
    return found


def scalars(name: str, values: dict, now: int, step: int = 0) -> list[Metric]:
    """Metrics of the finite numbers among some values; `name` has {} where the value's own name stands."""
    numbers = {key: value for key, value in values.items() if isinstance(value, int | float)}
    return [Metric(name.format(key), float(v), now, step) for key, v in numbers.items() if math.isfinite(v)]


def log_values(client: MlflowClient, run_id: str, metrics: list[Metric], params: dict, tags: dict | None = None):
    """Log metrics, parameters and tags in as few calls as MLflow allows."""
    left = {
        "params": [Param(key, value) for key, value in params.items()],
        "tags": [RunTag(key, value) for key, value in (tags or {}).items()],
        "metrics": metrics,
    }
    while any(left.values()):
        room, batch = A_CALL["metrics"], {}
        for kind, items in left.items():
            count = min(room, A_CALL[kind])
            batch[kind], left[kind] = items[:count], items[count:]
            room -= len(batch[kind])
        client.log_batch(run_id, synchronous=True, **batch)


def log_dataset(client: MlflowClient, run_id: str, record: dict) -> None:
    """Name the data set and its features as what a run was trained on."""
    source = json.dumps({key: record[key] for key in ("dataset", "features", "split")})
    dataset = Dataset(record["dataset"], record["fingerprint"], "graincast", source)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])
