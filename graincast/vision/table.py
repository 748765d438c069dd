"""Vision tables: a network's features of each image of a data set, not normalised, and their file.

HDF5, attributes format = "graincast vision", version = 2, network (its name, with its weights' hash or random seed),
fingerprint (of the whole content). For g images with f features each:

    name             str [g]
    group            str [g]            name of the source microstructure; of a labelled image: its own name
    x                float32 [g, f]
  for microstructures also
    growth_ptr       int64 [g + 1]      growth runs of each microstructure
    growth_ratio     float64 [runs]     final / initial area of the candidate
  for labelled images also
    label            int64 [g]          index among the classes
    classes          str [classes]
"""

import itertools
import os
from dataclasses import dataclass, fields, replace

import h5py
import numpy as np

from graincast.files import fingerprint, hdf5

FORMAT: hdf5.Format = {"format": "graincast vision", "version": 2}
TEXTS = ("name", "group", "classes")


@dataclass(frozen=True)
class VisionTable:
    """The content of the file as arrays (see above); fields that do not apply are None."""

    name: list[str]
    group: list[str]
    network: str
    x: np.ndarray
    growth_ptr: np.ndarray | None = None
    growth_ratio: np.ndarray | None = None
    label: np.ndarray | None = None
    classes: list[str] | None = None

    @property
    def columns(self) -> list[str]:
        """The name of the features: all outputs of one layer."""
        return [f"fc1[{self.x.shape[1]}]"]

    def candidate_ratios(self) -> list[np.ndarray]:
        """For each microstructure the candidate's growth ratio in each growth run, float64 [runs]."""
        assert self.growth_ratio is not None and self.growth_ptr is not None, "labelled images do not grow"
        return np.split(self.growth_ratio, self.growth_ptr[1:-1])

    def selected(self, inside: np.ndarray) -> "VisionTable":
        """The table of the images in `inside`, bool [g]."""
        kept: dict = {key: list(itertools.compress(getattr(self, key), inside)) for key in ("name", "group")}
        if self.growth_ptr is not None and self.growth_ratio is not None:
            runs = np.diff(self.growth_ptr)
            kept["growth_ptr"] = np.concatenate([[0], np.cumsum(runs[inside])]).astype(np.int64)
            kept["growth_ratio"] = self.growth_ratio[np.repeat(inside, runs)]
        if self.label is not None:
            kept["label"] = self.label[inside]
        return replace(self, x=self.x[inside], **kept)

    @property
    def fingerprint(self) -> str:
        """A hash of the whole content, 16 hexadecimal digits; identifies the data that a model was trained on."""
        return fingerprint.content_hash(self)


def of_microstructures(
    name: list[str], group: list[str], network: str, x: np.ndarray, ratios: list[np.ndarray]
) -> VisionTable:
    """A table of microstructures, sorted by name. ratios: the candidate's growth ratio in each growth run."""
    order = sorted(range(len(name)), key=name.__getitem__)
    ordered = [np.asarray(ratios[i], np.float64) for i in order]
    return VisionTable(
        name=[name[i] for i in order],
        group=[group[i] for i in order],
        network=network,
        x=x[order],
        growth_ptr=np.concatenate([[0], np.cumsum([runs.size for runs in ordered])]).astype(np.int64),
        growth_ratio=np.concatenate([np.zeros(0), *ordered]),
    )


def of_labelled(name: list[str], network: str, x: np.ndarray, labels: list[str]) -> VisionTable:
    """A table of labelled images, sorted by name, with sorted classes. labels: the class of each image."""
    order = sorted(range(len(name)), key=name.__getitem__)
    classes = sorted(set(labels))
    label = np.array([classes.index(labels[i]) for i in order], np.int64)
    ordered = [name[i] for i in order]
    return VisionTable(ordered, ordered, network, x[order], label=label, classes=classes)


def write(path: str | os.PathLike, table: VisionTable) -> None:
    """Write the file, whole or not at all."""
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
    with hdf5.opened(path, FORMAT) as file:
        arrays = {key: file[key].asstr()[:].tolist() if key in TEXTS else file[key][()] for key in file}
        return VisionTable(network=str(file.attrs["network"]), **arrays)
