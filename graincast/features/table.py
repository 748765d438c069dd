"""The file of a feature set: node and edge features and growth ratios of a whole data set, not normalised.

HDF5, attributes format = "graincast features", version = 4, columns and edge_columns (names of the node and edge
features), fingerprint (hash of the whole content). With g microstructures, N grains and E directed edges in all:

    name             str [g]
    group            str [g]            name of the source microstructure
    spacing          float64 [g]        distance of neighbouring sites, µm; NaN if unknown
    node_ptr         int64 [g + 1]
    x                float64 [N, columns]
    candidate        bool [N]
    edge_ptr         int64 [g + 1]
    edges            int32 [E, 2]       node indices in the microstructure
    edge_x           float64 [E, edge_columns]
    growth_ptr       int64 [g + 1]      growth runs of each microstructure, which may be none
    growth_ratio     float64 [sum of runs x grains]   final / initial area, row-major [runs, grains] each
"""

import itertools
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import h5py
import numpy as np

from graincast.features.feature import BOUNDARY_LENGTH
from graincast.files import fingerprint, hdf5

FORMAT: hdf5.Format = {"format": "graincast features", "version": 4}
TEXTS = ("name", "group")
ATTRIBUTES = ("columns", "edge_columns")


@dataclass(frozen=True)
class FeatureTable:
    """A data set as arrays; the fields are those of the file (see above)."""

    name: list[str]
    group: list[str]
    columns: list[str]
    edge_columns: list[str]
    spacing: np.ndarray
    node_ptr: np.ndarray
    x: np.ndarray
    candidate: np.ndarray
    edge_ptr: np.ndarray
    edges: np.ndarray
    edge_x: np.ndarray
    growth_ptr: np.ndarray
    growth_ratio: np.ndarray

    @property
    def candidate_index(self) -> np.ndarray:
        """The row of x of each microstructure's candidate grain, int64 [g]."""
        return np.flatnonzero(self.candidate)

    @property
    def flat_edges(self) -> np.ndarray:
        """Edges between rows of x, int64 [E, 2]."""
        return self.edges + np.repeat(self.node_ptr[:-1], np.diff(self.edge_ptr))[:, None]

    def grain_ratios(self) -> list[np.ndarray]:
        """Each grain's growth ratio in each growth run, one float64 [runs, grains] per microstructure."""
        grains = np.diff(self.node_ptr)
        starts = np.concatenate([[0], np.cumsum(np.diff(self.growth_ptr) * grains)])
        pieces = zip(starts[:-1], starts[1:], grains, strict=True)
        return [self.growth_ratio[start:stop].reshape(-1, n) for start, stop, n in pieces]

    def candidate_ratios(self) -> list[np.ndarray]:
        """The candidate grain's growth ratio in each growth run, one float64 [runs] per microstructure."""
        candidate_node = self.candidate_index - self.node_ptr[:-1]
        return [ratio[:, index] for ratio, index in zip(self.grain_ratios(), candidate_node, strict=True)]

    def selected(self, inside: np.ndarray) -> "FeatureTable":
        """The table of the microstructures in `inside`, bool [g]."""
        grains, edges, runs = (np.diff(ptr) for ptr in (self.node_ptr, self.edge_ptr, self.growth_ptr))
        of_grain, of_edge, of_ratio = (np.repeat(inside, count) for count in (grains, edges, runs * grains))
        return FeatureTable(
            name=list(itertools.compress(self.name, inside)),
            group=list(itertools.compress(self.group, inside)),
            columns=self.columns,
            edge_columns=self.edge_columns,
            spacing=self.spacing[inside],
            node_ptr=_pointers(grains[inside]),
            x=self.x[of_grain],
            candidate=self.candidate[of_grain],
            edge_ptr=_pointers(edges[inside]),
            edges=self.edges[of_edge],
            edge_x=self.edge_x[of_edge],
            growth_ptr=_pointers(runs[inside]),
            growth_ratio=self.growth_ratio[of_ratio],
        )

    @property
    def fingerprint(self) -> str:
        """A hash of the whole content, 16 hexadecimal digits; identifies the data that a model was trained on."""
        return fingerprint.content_hash(self)


ARRAYS = [field.name for field in fields(FeatureTable) if field.name not in TEXTS + ATTRIBUTES]


def write(path: str | os.PathLike, table: FeatureTable) -> None:
    """Write the file atomically."""
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(**FORMAT, fingerprint=table.fingerprint)
        file.attrs.update({key: np.array(getattr(table, key), "S") for key in ATTRIBUTES})
        for key in TEXTS:
            file.create_dataset(key, data=getattr(table, key), dtype=h5py.string_dtype(), shape=(len(table.name),))
        for key in ARRAYS:
            value = getattr(table, key)
            file.create_dataset(key, data=value, **({"compression": "gzip"} if value.size > 64 else {}))


def read(path: str | os.PathLike) -> FeatureTable:
    """Read the file. Raises BadInput if it is not of this format and version."""
    with hdf5.opened(path, FORMAT) as file:
        content: dict[str, Any] = {key: file[key][()] for key in ARRAYS}
        content |= {key: file[key].asstr()[:].tolist() for key in TEXTS}
        content |= {key: [column.decode() for column in file.attrs[key]] for key in ATTRIBUTES}
        return FeatureTable(**content)


def assemble(
    columns: list[str], rows: Iterable[dict], edge_columns: Sequence[str] = (BOUNDARY_LENGTH,)
) -> FeatureTable:
    """A table from one dict per microstructure: name, x, candidate, edges, edge_x, growth_ratio [runs, grains].

    A dict may have a group, by default the name, and a spacing, by default unknown. The table is sorted by name.
    """
    ordered = sorted(rows, key=lambda row: row["name"])

    def joined(key: str) -> np.ndarray:
        return np.concatenate([row[key] for row in ordered])

    return FeatureTable(
        name=[row["name"] for row in ordered],
        group=[row.get("group", row["name"]) for row in ordered],
        columns=list(columns),
        edge_columns=list(edge_columns),
        spacing=np.array([row.get("spacing") or math.nan for row in ordered]),
        node_ptr=_pointers([len(row["x"]) for row in ordered]),
        x=joined("x"),
        candidate=joined("candidate"),
        edge_ptr=_pointers([len(row["edges"]) for row in ordered]),
        edges=joined("edges"),
        edge_x=joined("edge_x"),
        growth_ptr=_pointers([len(row["growth_ratio"]) for row in ordered]),
        growth_ratio=np.concatenate([row["growth_ratio"].ravel() for row in ordered]),
    )


def _pointers(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
