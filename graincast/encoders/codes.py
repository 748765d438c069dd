"""Codes: an encoder's numbers for every grain and every boundary of a data set, and their file.

HDF5, attributes format = "graincast codes", version = 1. For g microstructures sorted by name, with N grains and E
directed edges in all, each in the order of the grain graph:

    name       str [g]
    node_ptr   int64 [g + 1]
    grain      float32 [N, components]
    edge_ptr   int64 [g + 1]
    boundary   float32 [E, components]   code of each edge's boundary; both directions have the same
"""

import functools
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

import h5py
import numpy as np

from graincast.encoders import patches
from graincast.files import hdf5
from graincast.graphs.shards import offsets
from graincast.microstructure import BadInput, Microstructure

FORMAT: hdf5.Format = {"format": "graincast codes", "version": 1}


@dataclass(frozen=True)
class Codes:
    """The content of the file (see above)."""

    name: list[str]
    node_ptr: np.ndarray
    grain: np.ndarray
    edge_ptr: np.ndarray
    boundary: np.ndarray

    @functools.cached_property
    def _index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.name)}

    def of_microstructure(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The codes of a microstructure's grains and of its edges. Raises BadInput for an unknown name."""
        if name not in self._index:
            raise BadInput(f"has no codes of {name}; recreate it")
        i = self._index[name]
        return self.grain[slice(*self.node_ptr[i : i + 2])], self.boundary[slice(*self.edge_ptr[i : i + 2])]


def encode_microstructure(
    microstructure: Microstructure, encode: dict[str, Callable[[np.ndarray], np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """The codes of a microstructure's grains, float32 [n, components], and of its edges, float32 [m, components].

    encode   {kind of patch: function from uint8 [b, size, size] to float32 [b, components]}
    """
    labels, grain_type, periodic = microstructure.labels, microstructure.grain_type, microstructure.periodic
    pairs, pair_of_edge = patches.undirected(microstructure.edges)
    grain = encode[patches.GRAIN](patches.grains(labels, grain_type, periodic=periodic))
    if not len(pairs):
        return grain, np.zeros((0, grain.shape[1]), np.float32)
    boundary = encode[patches.BOUNDARY](patches.boundaries(labels, grain_type, pairs, periodic=periodic))
    return grain, boundary[pair_of_edge]


def assemble(parts: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> Codes:
    """Codes from each microstructure's (name, codes of grains, codes of edges), sorted by name."""
    names, grain, boundary = zip(*sorted(parts, key=lambda part: part[0]), strict=True)
    return Codes(
        list(names),
        offsets(map(len, grain)),
        np.concatenate(grain),
        offsets(map(len, boundary)),
        np.concatenate(boundary),
    )


def write(path: str | os.PathLike, codes: Codes) -> None:
    """Write the file, whole or not at all."""
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(FORMAT)
        file.create_dataset("name", data=codes.name, dtype=h5py.string_dtype(), shape=(len(codes.name),))
        for field in fields(codes)[1:]:
            file.create_dataset(field.name, data=getattr(codes, field.name))


def read(path: str | os.PathLike) -> Codes:
    """Read the file. Raises BadInput if it is not of this format and version."""
    with hdf5.opened(path, FORMAT) as file:
        arrays = {field.name: file[field.name][()] for field in fields(Codes)[1:]}
        return Codes(name=file["name"].asstr()[:].tolist(), **arrays)
