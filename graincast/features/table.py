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

The arrays of grains, edges and ratios are contiguous and not compressed: they are written row by row, and mapped when
they are read, so that no step needs memory for a whole data set. What works on all grains goes through `parts`.
"""

import contextlib
import functools
import itertools
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graincast.features.feature import BOUNDARY_LENGTH
from graincast.files import fingerprint, hdf5
from graincast.microstructure import BadInput

FORMAT: hdf5.Format = {"format": "graincast features", "version": 4}
TEXTS = ("name", "group")
ATTRIBUTES = ("columns", "edge_columns")
LARGE = {"x": np.float64, "candidate": bool, "edges": np.int32, "edge_x": np.float64, "growth_ratio": np.float64}
"""The mapped arrays, with their types."""
TOGETHER = 1 << 17
"""Grains in one of the parts of a table: some 10 MB of features."""


@dataclass(frozen=True)
class FeatureTable:
    """A data set as arrays; the fields are those of the file (see above). A file's large arrays are read-only."""

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

    def parts(self) -> "Iterator[FeatureTable]":
        """The table cut into tables of about TOGETHER grains, which share its memory; at least one, in order."""
        g = len(self.name)
        ratio_ptr = _pointers(np.diff(self.growth_ptr) * np.diff(self.node_ptr))
        start = 0
        while start < g or not start:
            stop = int(np.searchsorted(self.node_ptr, self.node_ptr[start] + TOGETHER, "right")) - 1
            stop = min(g, max(stop, start + 1))
            nodes, edges, ratios = (slice(*ptr[[start, stop]]) for ptr in (self.node_ptr, self.edge_ptr, ratio_ptr))
            yield FeatureTable(
                name=self.name[start:stop],
                group=self.group[start:stop],
                columns=self.columns,
                edge_columns=self.edge_columns,
                spacing=self.spacing[start:stop],
                node_ptr=self.node_ptr[start : stop + 1] - self.node_ptr[start],
                x=self.x[nodes],
                candidate=self.candidate[nodes],
                edge_ptr=self.edge_ptr[start : stop + 1] - self.edge_ptr[start],
                edges=self.edges[edges],
                edge_x=self.edge_x[edges],
                growth_ptr=self.growth_ptr[start : stop + 1] - self.growth_ptr[start],
                growth_ratio=self.growth_ratio[ratios],
            )
            start = stop or 1

    def rows_of(self, key: str, inside: np.ndarray) -> Iterator[np.ndarray]:
        """The rows of a LARGE array that belong to the microstructures in `inside` (bool [g]), part by part."""
        start = 0
        for part in self.parts():
            stop = start + len(part.name)
            counts = np.diff(part.edge_ptr if key.startswith("edge") else part.node_ptr)
            if key == "growth_ratio":
                counts = counts * np.diff(part.growth_ptr)
            yield getattr(part, key)[np.repeat(inside[start:stop], counts)]
            start = stop

    def selected(self, inside: np.ndarray) -> "FeatureTable":
        """The table of the microstructures in `inside`, bool [g]; its large arrays lie in nameless temporary files."""
        grains, edges, runs = (np.diff(ptr) for ptr in (self.node_ptr, self.edge_ptr, self.growth_ptr))
        small: dict[str, Any] = {
            "name": list(itertools.compress(self.name, inside)),
            "group": list(itertools.compress(self.group, inside)),
            "columns": self.columns,
            "edge_columns": self.edge_columns,
            "spacing": self.spacing[inside],
            "node_ptr": _pointers(grains[inside]),
            "edge_ptr": _pointers(edges[inside]),
            "growth_ptr": _pointers(runs[inside]),
        }
        return FeatureTable(**small | {key: _on_disk(self.rows_of(key, inside), getattr(self, key)) for key in LARGE})

    @functools.cached_property
    def fingerprint(self) -> str:
        """A hash of the whole content, 16 hexadecimal digits; identifies the data that a model was trained on."""
        return fingerprint.content_hash(self)


def joined(tables: Sequence[FeatureTable]) -> FeatureTable:
    """Tables one after another as one; its large arrays lie in nameless temporary files.

    Raises BadInput where their features differ.
    """
    first = tables[0]
    for key in ATTRIBUTES:
        for other in tables[1:]:
            if getattr(other, key) != getattr(first, key):
                raise BadInput(f"{key} {getattr(first, key)} and {getattr(other, key)} differ; recreate the features")
    small: dict[str, Any] = {key: getattr(first, key) for key in ATTRIBUTES}
    small |= {key: [text for one in tables for text in getattr(one, key)] for key in TEXTS}
    small["spacing"] = np.concatenate([one.spacing for one in tables])
    for key in ("node_ptr", "edge_ptr", "growth_ptr"):
        small[key] = _pointers(np.concatenate([np.diff(getattr(one, key)) for one in tables]))

    def rows(key: str) -> Iterator[np.ndarray]:
        for one in tables:
            yield from one.rows_of(key, np.ones(len(one.name), bool))

    return FeatureTable(**small | {key: _on_disk(rows(key), getattr(first, key)) for key in LARGE})


def _on_disk(pieces: Iterable[np.ndarray], like: np.ndarray) -> np.ndarray:
    """Arrays one after another, mapped from a nameless file; of the type and shape of rows of another array."""
    count = 0
    with tempfile.TemporaryFile() as file:
        for piece in pieces:
            file.write(np.ascontiguousarray(piece).data)
            count += len(piece)
        return _mapped_whole(file, like.dtype).reshape(count, *like.shape[1:])


SMALL = [field.name for field in fields(FeatureTable) if field.name not in (*TEXTS, *ATTRIBUTES, *LARGE)]


def write(path: str | os.PathLike, table: FeatureTable) -> None:
    """Write the file atomically."""
    small = {field.name: getattr(table, field.name) for field in fields(table) if field.name not in LARGE}
    _write(path, small, {key: [getattr(table, key)] for key in LARGE})


def write_rows(
    path: str | os.PathLike,
    columns: list[str],
    rows: Iterable[dict],
    edge_columns: Sequence[str] = (BOUNDARY_LENGTH,),
) -> None:
    """Write the table that `assemble` makes of these rows, without holding them in memory.

    Until all rows are there, they lie in nameless files beside `path`, which a killed process leaves nothing of.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with _spooled(rows, Path(path).parent) as spooled:
        _write(path, *_laid_out(columns, spooled, edge_columns))


def read(path: str | os.PathLike) -> FeatureTable:
    """Read the file. Raises BadInput if it is not of this format and version."""
    with hdf5.opened(path, FORMAT) as file:
        content: dict[str, Any] = {key: file[key][()] for key in SMALL}
        content |= {key: hdf5.mapped(file[key]) for key in LARGE}
        content |= {key: file[key].asstr()[:].tolist() for key in TEXTS}
        content |= {key: [column.decode() for column in file.attrs[key]] for key in ATTRIBUTES}
        return FeatureTable(**content)


def assemble(
    columns: list[str], rows: Iterable[dict], edge_columns: Sequence[str] = (BOUNDARY_LENGTH,)
) -> FeatureTable:
    """A table from one dict per microstructure: name, x, candidate, edges, edge_x, growth_ratio [runs, grains].

    A dict may have a group, by default the name, and a spacing, by default unknown. The table is sorted by name.
    """
    small, large = _laid_out(columns, rows, edge_columns)
    return FeatureTable(**small | {key: np.concatenate(arrays) for key, arrays in large.items()})


def _laid_out(columns: list[str], rows: Iterable[dict], edge_columns: Sequence[str]) -> tuple[dict[str, Any], dict]:
    """The fields of a table of these rows: the small ones, and for each of the LARGE one array per microstructure."""
    ordered = sorted(rows, key=lambda row: row["name"])
    small = {
        "name": [row["name"] for row in ordered],
        "group": [row.get("group", row["name"]) for row in ordered],
        "columns": list(columns),
        "edge_columns": list(edge_columns),
        "spacing": np.array([row.get("spacing") or math.nan for row in ordered]),
        "node_ptr": _pointers([len(row["x"]) for row in ordered]),
        "edge_ptr": _pointers([len(row["edges"]) for row in ordered]),
        "growth_ptr": _pointers([len(row["growth_ratio"]) for row in ordered]),
    }
    large = {key: [row[key] for row in ordered] for key in LARGE}
    return small, large | {"growth_ratio": [ratios.ravel() for ratios in large["growth_ratio"]]}


def _write(path: str | os.PathLike, small: dict[str, Any], large: Mapping[str, Sequence[np.ndarray]]) -> None:
    with hdf5.streamed(path, libver="latest") as out:
        arrays: dict[str, Any] = {}
        for key, pieces in large.items():
            shape = sum(len(piece) for piece in pieces), *pieces[0].shape[1:]
            arrays[key] = out.put(key, shape, pieces[0].dtype, pieces)
        out.file.attrs.update(**FORMAT, fingerprint=FeatureTable(**small | arrays).fingerprint)
        out.file.attrs.update({key: np.array(small[key], "S") for key in ATTRIBUTES})
        for key in TEXTS:
            out.file.create_dataset(key, data=small[key], dtype=h5py.string_dtype(), shape=(len(small["name"]),))
        for key in SMALL:
            out.file.create_dataset(key, data=small[key])


@contextlib.contextmanager
def _spooled(rows: Iterable[dict], folder: Path) -> Iterator[list[dict]]:
    """The rows with their LARGE arrays mapped from nameless files in a folder, for as long as the context lasts."""
    with contextlib.ExitStack() as stack:
        files = {key: stack.enter_context(tempfile.TemporaryFile(dir=folder)) for key in LARGE}
        kept, shapes = [], []
        for row in rows:
            kept.append({key: value for key, value in row.items() if key not in LARGE})
            shapes.append({key: np.shape(row[key]) for key in LARGE})
            for key, dtype in LARGE.items():
                files[key].write(np.ascontiguousarray(row[key], dtype).data)
        for key, file in files.items():
            flat = _mapped_whole(file, LARGE[key])
            start = 0
            for row, shape in zip(kept, shapes, strict=True):
                stop = start + math.prod(shape[key])
                row[key] = flat[start:stop].reshape(shape[key])
                start = stop
        yield kept


def _mapped_whole(file: Any, dtype: Any) -> np.ndarray:
    file.flush()
    return np.asarray(np.memmap(file, dtype, "r")) if file.tell() else np.zeros(0, dtype)


def _pointers(counts: Sequence[int] | np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
