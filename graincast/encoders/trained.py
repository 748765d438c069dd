"""Trained encoders and their file: HDF5, so that PCA can be read without torch.

Attributes format = "graincast encoder", version = 1, encoder (its settings as JSON). One group per kind of patch
(grain, boundary) holds the arrays of its model; their names and shapes depend on the method.
"""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graincast.files import hdf5

FORMAT: hdf5.Format = {"format": "graincast encoder", "version": 1}
CURVES = ("train_loss", "validation_loss")


@dataclass(frozen=True)
class Trained:
    """The result of training on patches of one kind.

    model   {name: array}
    errors  rows (components, training error, validation error): the mean squared difference per pixel, of grey levels
            0 to 1, between patches and reconstructions; with 0 components, these are the mean training patch
    curves  float64 [epochs + 1, 2], training and validation loss before the first epoch and after each
    """

    model: dict[str, np.ndarray]
    errors: list[tuple[int, float, float]]
    curves: np.ndarray = field(default_factory=lambda: np.zeros((0, len(CURVES))))


@dataclass(frozen=True)
class Codec:
    """The two functions of a trained encoder.

    encode  uint8 [b, size, size] -> float32 [b, components]
    decode  float32 [b, components] -> float32 [b, size, size], grey levels 0 to 1
    """

    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]


def write(path: str | os.PathLike, encoder: dict, models: dict[str, dict[str, np.ndarray]]) -> None:
    """Write an encoder whole: its settings, and a model for each kind of patch."""
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(FORMAT, encoder=json.dumps(encoder))
        for kind, model in models.items():
            for name, array in model.items():
                file.create_dataset(f"{kind}/{name}", data=array)


def read(path: str | os.PathLike) -> tuple[dict, dict[str, dict[str, np.ndarray]]]:
    """An encoder's settings and models. Raises BadInput if the file is not of this format and version."""
    with hdf5.opened(path, FORMAT) as file:
        models = {kind: {name: array[()] for name, array in group.items()} for kind, group in file.items()}
        return json.loads(file.attrs["encoder"]), models


def unit(patches: np.ndarray) -> np.ndarray:
    """Grey levels as float32, 0 to 1."""
    return patches.astype(np.float32) / np.float32(255)


def mean_image(batches: Iterable[np.ndarray]) -> np.ndarray:
    """The mean patch over all batches, grey levels 0 to 1, float64 [size, size]."""
    total: Any = 0  # an image from the first batch on
    count = 0
    for patches in batches:
        total = total + patches.sum(axis=0, dtype=np.int64)
        count += len(patches)
    return total / (255 * count)
