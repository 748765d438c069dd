"""The file of a vision set: what a network makes of each picture of a data set, not normalised.

HDF5, attributes format = "graincast vision", version = 1, network (its name, with its weights' hash or random seed),
fingerprint (of all that is in the file). Of g pictures with f numbers each:

    name             str [g]
    x                float32 [g, f]
  and for microstructures
    growth_ptr       int64 [g + 1]      growth runs of each microstructure
    growth_ratio     float64 [runs]     final / initial area of the candidate
  or for labelled images
    label            int64 [g]          index among the classes
    classes          str [classes]
"""

import os
from dataclasses import dataclass, fields

import h5py
import numpy as np

from graincast.files import fingerprint, hdf5

FORMAT = {"format": "graincast vision", "version": 1}
TEXTS = ("name", "classes")


@dataclass(frozen=True)
class VisionTable:
    """A data set's pictures as arrays; the fields are the file's (see above), None where they do not apply."""

    name: list[str]
    network: str
    x: np.ndarray
    growth_ptr: np.ndarray | None = None
    growth_ratio: np.ndarray | None = None
    label: np.ndarray | None = None
    classes: list[str] | None = None

    @property
    def columns(self) -> list[str]:
        """The name of the features, all outputs of one layer."""
        return [f"fc1[{self.x.shape[1]}]"]

    def candidate_ratios(self) -> list[np.ndarray]:
        """The candidate's growth ratio in each growth run, float64 [runs] a microstructure."""
        return np.split(self.growth_ratio, self.growth_ptr[1:-1])

    @property
    def fingerprint(self) -> str:
        """A hash of the whole content, 16 hexadecimal digits: which data a model has seen."""
        return fingerprint.of(self)


def of_microstructures(name: list[str], network: str, x: np.ndarray, ratios: list[np.ndarray]) -> VisionTable:
    """A table in order of the names. ratios: the candidate's growth ratio in each growth run."""
    order = sorted(range(len(name)), key=name.__getitem__)
    ordered = [np.asarray(ratios[i], np.float64) for i in order]
    return VisionTable(
        name=[name[i] for i in order],
        network=network,
        x=x[order],
        growth_ptr=np.concatenate([[0], np.cumsum([one.size for one in ordered])]).astype(np.int64),
        growth_ratio=np.concatenate([np.zeros(0), *ordered]),
    )


def of_labelled(name: list[str], network: str, x: np.ndarray, labels: list[str]) -> VisionTable:
    """A table in order of the names, and of the classes. labels: the class of each image."""
    order = sorted(range(len(name)), key=name.__getitem__)
    classes = sorted(set(labels))
    label = np.array([classes.index(labels[i]) for i in order], np.int64)
    return VisionTable([name[i] for i in order], network, x[order], label=label, classes=classes)


def write(path: str | os.PathLike, table: VisionTable) -> None:
    """Write the file whole."""
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(**FORMAT, network=table.network, fingerprint=table.fingerprint)
        for field in fields(table):
            value = getattr(table, field.name)
            if isinstance(value, np.ndarray):
                file.create_dataset(field.name, data=value, **({"compression": "gzip"} if value.size > 64 else {}))
            elif isinstance(value, list):
                file.create_dataset(field.name, data=value, dtype=h5py.string_dtype(), shape=(len(value),))


def read(path: str | os.PathLike) -> VisionTable:
    """Read the file. Raises BadInput if it is not of this format and version."""
    with hdf5.opened(path, **FORMAT) as file:
        arrays = {key: file[key].asstr()[:].tolist() if key in TEXTS else file[key][()] for key in file}
        return VisionTable(network=str(file.attrs["network"]), **arrays)
