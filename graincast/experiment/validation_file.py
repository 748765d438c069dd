"""Predictions of trained trials for validation data, from which their metrics are computed.

HDF5, attributes format = "graincast validation", version = 1. For each trial and fold, over the fold's validation data:

    true/{threshold}/{fold}       bool, float64 or int64 [n]    the targets; threshold "-" where the target has none
    predicted/{trial}/{fold}      float64 [n], of classes [n, classes]
"""

import os
from collections.abc import Mapping

import numpy as np

from graincast.experiment.grid import number
from graincast.files import hdf5

FORMAT: hdf5.Format = {"format": "graincast validation", "version": 1}
ByFold = Mapping[str, np.ndarray]


def write(path: str | os.PathLike, true: Mapping[float | None, ByFold], predicted: Mapping[str, ByFold]) -> None:
    """Write the file whole. true: {threshold: {fold: targets}}; predicted: {trial: {fold: predictions}}."""
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(FORMAT)
        groups = {f"true/{_text(threshold)}": by_fold for threshold, by_fold in true.items()}
        groups |= {f"predicted/{trial}": by_fold for trial, by_fold in predicted.items()}
        for group, by_fold in groups.items():
            for fold, values in by_fold.items():
                file.create_dataset(f"{group}/{fold}", data=np.asarray(values))


def read(path: str | os.PathLike) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, dict[str, np.ndarray]]]:
    """The targets {threshold as text: {fold: targets}} and the predictions {trial: {fold: predictions}}.

    Raises BadInput if the file is not of this format and version.
    """
    with hdf5.opened(path, FORMAT) as file:
        true, predicted = (
            {name: {fold: values[()] for fold, values in by_fold.items()} for name, by_fold in file[group].items()}
            for group in ("true", "predicted")
        )
    return true, predicted


def targets_of(true: Mapping[str, ByFold], threshold: float | None) -> ByFold:
    """The targets at a threshold, from what `read` returns."""
    return true[_text(threshold)]


def _text(threshold: float | None) -> str:
    return number(threshold) or "-"
