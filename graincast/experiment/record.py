"""The records of a training job: trained.json as it was trained, trials.json with validation metrics."""

import json
from collections.abc import Iterator
from pathlib import Path

from graincast.experiment.declaration import Declaration
from graincast.experiment.targets import Target
from graincast.experiment.training_data import TrainingData
from graincast.microstructure import BadInput

KEYS = ("experiment", "job", "model", "target", "dataset", "features", "columns", "split", "fingerprint", "trials")


def read_record(folder: Path, name: str = "trials.json") -> dict:
    """A record in a job's folder. Raises BadInput if it is damaged or incomplete."""
    path = folder / name
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: not valid JSON: {error}; remove it and run again") from None
    missing = [key for key in KEYS if not (isinstance(record, dict) and key in record)]
    if missing:
        raise BadInput(f"{path}: lacks {missing[0]}; remove it and run again")
    return record


def described(
    name: str,
    parameters: dict,
    declared: Declaration,
    target: Target,
    features: Path,
    split: Path,
    learned: TrainingData,
) -> dict:
    """What a record says of a training job, except its folds and trials.

    name             experiment/job
    parameters       of the job's recipe
    features, split  their files
    learned          the tables of the experiment
    """
    experiment, _, job = name.partition("/")
    data = learned.own
    return {
        "experiment": experiment,
        "job": job,
        "model": parameters["model"],
        "unit": declared.unit,
        "target": {"kind": target.kind, "grains": target.grains, **parameters["target"]},
        "grid": parameters["grid"],
        "training": parameters["training"],
        "dataset": features.parents[1].name,
        "features": features.stem,
        "columns": data.columns,
        "edge_columns": getattr(data, "edge_columns", []),
        "network": getattr(data, "network", None),
        "classes": getattr(data, "classes", None),
        "split": split.stem,
        "fingerprint": data.fingerprint,
        **learned.described,
    }


def pruned_trials(record: dict) -> Iterator[dict]:
    """The trials of a study that ended early, each as one without metrics."""
    for trial in record.get("pruned", []):
        yield {**trial, "validation": {}, "by_fold": {}}
