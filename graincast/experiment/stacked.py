"""The table of a stack: what other experiments' chosen models predict, and its file.

HDF5, attributes format = "graincast stacked", version = 1, columns (names of the experiments), fingerprint (of the
whole content). For g microstructures, f folds and e experiments:

    name             str [g]
    group            str [g]            name of the source microstructure
    thresholds       float64 [t]
    folds            str [f]
    probability      float64 [t, f, g, e]   of abnormal growth, by the models that each fold chose
    growth_ptr       int64 [g + 1]      growth runs of each microstructure
    growth_ratio     float64 [runs]     final / initial area of the candidate

A fold's models have learned its training data, so only its validation and test data are of use to a stack.
"""

import itertools
import os
from dataclasses import dataclass, fields, replace

import h5py
import numpy as np

from graincast.files import fingerprint, hdf5

FORMAT: hdf5.Format = {"format": "graincast stacked", "version": 1}
TEXTS = ("name", "group", "folds")


@dataclass(frozen=True)
class StackedTable:
    """The content of the file, see above."""

    name: list[str]
    group: list[str]
    columns: list[str]
    thresholds: np.ndarray
    folds: list[str]
    probability: np.ndarray
    growth_ptr: np.ndarray
    growth_ratio: np.ndarray

    @property
    def x(self) -> np.ndarray:
        """The mean of the predictions over thresholds and folds, float64 [g, e]."""
        return self.probability.mean(axis=(0, 1))

    @property
    def fingerprint(self) -> str:
        """A hash of the whole content, 16 hexadecimal digits; identifies the data that a model was trained on."""
        return fingerprint.content_hash(self)

    def candidate_ratios(self) -> list[np.ndarray]:
        """For each microstructure the candidate's growth ratio in each growth run, float64 [runs]."""
        return np.split(self.growth_ratio, self.growth_ptr[1:-1])

    def predictions(self, threshold: float, fold: str) -> np.ndarray:
        """The experiments' probabilities of abnormal growth, float64 [g, e]. Raises ValueError for another fold."""
        try:
            return self.probability[self.thresholds.tolist().index(threshold), self.folds.index(fold)]
        except ValueError:
            raise ValueError(f"no predictions at threshold {threshold:g} in fold {fold}") from None

    def selected(self, inside: np.ndarray) -> "StackedTable":
        """The table of the microstructures in `inside`, bool [g]."""
        runs = np.diff(self.growth_ptr)
        return replace(
            self,
            name=list(itertools.compress(self.name, inside)),
            group=list(itertools.compress(self.group, inside)),
            probability=self.probability[:, :, inside],
            growth_ptr=np.concatenate([[0], np.cumsum(runs[inside])]).astype(np.int64),
            growth_ratio=self.growth_ratio[np.repeat(inside, runs)],
        )


def write(path: str | os.PathLike, table: StackedTable) -> None:
    """Write the file, whole or not at all."""
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(**FORMAT, columns=np.array(table.columns, "S"), fingerprint=table.fingerprint)
        for field in fields(table):
            value = getattr(table, field.name)
            if isinstance(value, np.ndarray):
                file.create_dataset(field.name, data=value, **({"compression": "gzip"} if value.size > 64 else {}))
            elif field.name in TEXTS:
                file.create_dataset(field.name, data=value, dtype=h5py.string_dtype(), shape=(len(value),))


def read(path: str | os.PathLike) -> StackedTable:
    """Read the file. Raises BadInput if it is not of this format and version."""
    with hdf5.opened(path, FORMAT) as file:
        arrays = {key: file[key].asstr()[:].tolist() if key in TEXTS else file[key][()] for key in file}
        return StackedTable(columns=[name.decode() for name in file.attrs["columns"]], **arrays)
