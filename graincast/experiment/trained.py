"""What training a grid returns, whatever the model, and its files.

A training job's folder holds, whole or not at all:

    trials.json   what was trained on what, and each trial's validation metrics
    history.h5    steps [evaluations]; curves [trials, folds, evaluations, columns]; attribute columns
    models.pt     {trial: {fold: parameters and normalisation}}
"""

import io
import json
import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch

from graincast.files import hdf5
from graincast.files.atomic import whole, write_text
from graincast.microstructure import BadInput


@dataclass(frozen=True)
class Trained:
    """Results by (trial, fold), a trial being the tuple of its point's values in the grid's order.

    models      parameters and normalisation (built-in types and tensors), enough for the model's predict
    iterations  the iteration of the checkpoint that was kept
    curves      float [evaluations, columns], NaN after an early stop
    steps       int [evaluations], the iterations at which the curves were measured
    columns     what the curves are: a training and a validation column of each measure, the loss first
    """

    models: dict[tuple, dict]
    iterations: dict[tuple, int]
    curves: dict[tuple, np.ndarray]
    steps: np.ndarray
    columns: tuple[str, ...]


def write(folder: Path, record: dict, trained: Trained, trials: dict[str, tuple]) -> None:
    """Write a training job's three files; `trials` gives each trial's tuple by its name."""
    folds = record["folds"]
    with hdf5.written(folder / "history.h5") as file:
        curves = np.array([[trained.curves[trial, subset] for subset in folds] for trial in trials.values()], float)
        file.create_dataset("steps", data=np.asarray(trained.steps, int))
        file.create_dataset("curves", data=curves, **({"compression": "gzip"} if curves.size else {}))
        file.create_dataset("trial", data=list(trials), dtype=h5py.string_dtype())
        file.attrs["columns"] = np.array(trained.columns, "S")
    models = {name: {subset: trained.models[trial, subset] for subset in folds} for name, trial in trials.items()}
    save(folder / "models.pt", models)
    write_text(folder / "trials.json", json.dumps(record, indent=1) + "\n")


def save(path: str | os.PathLike, content: object) -> None:
    """Write what torch.save can, whole; in memory first, as torch names no reason when a disk is full."""
    memory = io.BytesIO()
    torch.save(content, memory)
    with whole(path) as partial:
        partial.write_bytes(memory.getbuffer())


def read_models(path: str | os.PathLike) -> dict[str, dict[str, dict]]:
    """The models of a job: {trial: {fold: model}}. Raises BadInput."""
    try:
        return torch.load(path, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError):
        raise BadInput(f"{path}: not a file of trained models; remove it and run again") from None
