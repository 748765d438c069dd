"""The result of training a grid, for every model, and its files.

The folder of a training job; each file is written whole or not at all:

    trained.json  the job's record: model, data, target, and each trial's point of the grid and kept iterations
    trials.json   the same with each trial's validation metrics in place of its iterations
                  (both list the trials of a study that ended early apart, as `pruned`)
    validation.h5 predictions for validation data, see validation_file.py
    history.h5    steps [evaluations]; curves [trials, folds, evaluations, columns], of those that ended early last;
                  attribute columns
    models.h5     {trial: {fold: parameters and normalisation}}, see files/nested.py

The folder of an experiment's ensemble has members.h5: {trial: {fold: {seed: parameters and normalisation}}}, of the
trials that folds chose, without the chosen models themselves.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np

from graincast.files import hdf5, nested
from graincast.files.atomic import write_text

FORMAT: hdf5.Format = {"format": "graincast trials", "version": 1}
REFITTED = "refitted"
"""The entry of a model that holds the same trial's model trained on validation data too, for the test and for use."""
MEMBERS: hdf5.Format = {"format": "graincast ensemble members", "version": 1}


@dataclass(frozen=True)
class Trained:
    """Results by (trial, fold); a trial is the tuple of its point's values in grid order.

    models      parameters and normalisation (built-in types and arrays), enough for the model's predict
    iterations  the iteration of the checkpoint that was kept
    curves      float [evaluations, columns], NaN after an early stop
    steps       int [evaluations], the iterations at which the curves were measured
    columns     names of the curves: a training and a validation column of each measure, the loss first
    """

    models: dict[tuple, dict]
    iterations: dict[tuple, int]
    curves: dict[tuple, np.ndarray]
    steps: np.ndarray
    columns: tuple[str, ...]


def predictions(
    trial: tuple, trained: Trained, rows: dict[str, np.ndarray], data: Any, model: ModuleType
) -> dict[str, np.ndarray]:
    """A trial's predictions for some of the data in each fold.

    trial  the values of its point of the grid
    rows   which of the target's values to predict in each fold, bool
    data   the table that the target was computed from
    model  module of graincast.models
    """
    return {fold: model.predict(trained.models[trial, fold], data)[inside] for fold, inside in rows.items()}


def write(
    folder: Path, record: dict, trained: Trained, trials: dict[str, tuple], pruned: dict[str, tuple] | None = None
) -> None:
    """Write history.h5, models.h5 and trained.json.

    trials  {trial name: tuple of its values}
    pruned  the same of trials that ended early, which have curves only
    """
    folds, drawn = record["folds"], {**trials, **(pruned or {})}
    with hdf5.written(folder / "history.h5") as file:
        curves = np.array([[trained.curves[trial, fold] for fold in folds] for trial in drawn.values()], float)
        file.create_dataset("steps", data=np.asarray(trained.steps, int))
        file.create_dataset("curves", data=curves, **({"compression": "gzip"} if curves.size else {}))
        file.create_dataset("trial", data=list(drawn), dtype=h5py.string_dtype())
        file.attrs["columns"] = np.array(trained.columns, "S")
    models = {name: {fold: trained.models[trial, fold] for fold in folds} for name, trial in trials.items()}
    nested.write(folder / "models.h5", FORMAT, models, {"experiment": record["experiment"], "job": record["job"]})
    write_text(folder / "trained.json", json.dumps(record, indent=1) + "\n")


def read_models(path: str | os.PathLike) -> dict[str, dict[str, dict]]:
    """The models of a job, {trial: {fold: model}}. Raises BadInput if the file is damaged."""
    return nested.read(path, FORMAT)[0]


def write_members(path: str | os.PathLike, experiment: str, members: dict[str, dict[str, dict[str, dict]]]) -> None:
    """Write the members of an ensemble, {trial: {fold: {seed: model}}}."""
    nested.write(path, MEMBERS, members, {"experiment": experiment})


def read_members(path: str | os.PathLike) -> dict[str, dict[str, dict[str, dict]]]:
    """What write_members wrote, seeds ascending. Raises BadInput if the file is damaged."""
    content = nested.read(path, MEMBERS)[0]
    return {
        trial: {fold: dict(sorted(of_seed.items(), key=lambda one: int(one[0]))) for fold, of_seed in by_fold.items()}
        for trial, by_fold in content.items()
    }
