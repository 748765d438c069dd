"""Grain-graph shards: many microstructures in one HDF5 file, each field one flat array.

Format 1 (attributes format = "graincast grain graphs", version = 1). With g microstructures, `ptr` arrays hold g + 1
offsets, so those of microstructure i lie in [ptr[i], ptr[i + 1]):

    name            str [g]
    shape           int32 [g, 2]       height and width of the periodic lattice, in sites
    nodes/ptr       int64 [g + 1]
    nodes/id        int32 [nodes]      the grain's id in the raw data
    nodes/type      int8 [nodes]       0 candidate, 1 low mobility, 2 high mobility
    nodes/candidate bool [nodes]
    nodes/area      int32 [nodes]      sites
    nodes/degree    int32 [nodes]      neighbours before the graph was cut
    edges/ptr       int64 [g + 1]
    edges/index     int32 [edges, 2]   source and target, counted within the microstructure, both directions
    edges/boundary_length int32 [edges]  unlike pairs of first- and second-neighbour sites
    labels/ptr      int64 [g + 1]      the label image in row-major runs:
    labels/value    int32 [runs]       node + 1, or 0 where no stored grain lies
    labels/length   int32 [runs]       sites
    growth/ptr      int64 [g + 1]      the growth runs of each microstructure
    growth/records  int64 [growth runs + 1]  offsets into time
    growth/time     float64 [records]  Monte Carlo steps
    growth/area     int32 [sum of records x nodes]  row-major [records, nodes] of each growth run, one after another
"""

import os
from collections.abc import Iterable, Iterator, Sequence

import h5py
import numpy as np

from graincast.files import hdf5
from graincast.graphs import label_runs
from graincast.microstructure import Microstructure

FORMAT = {"format": "graincast grain graphs", "version": 1}


def offsets(counts: Iterable[int]) -> np.ndarray:
    """The int64 offsets [n + 1] of n pieces laid end to end."""
    return np.concatenate([[0], np.cumsum(list(counts), dtype=np.int64)]).astype(np.int64)


def write(path: str | os.PathLike, microstructures: Sequence[Microstructure]) -> None:
    """Write a shard whole; the same microstructures give the same bytes."""
    many = sorted(microstructures, key=lambda one: one.name)
    encoded = [label_runs.encode(one.labels) for one in many]
    times = [time for one in many for time in one.times]
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(FORMAT)
        file.create_dataset("name", data=[one.name for one in many], dtype=h5py.string_dtype(), shape=(len(many),))

        def put(name: str, arrays: list[np.ndarray], dtype: str, columns: tuple[int, ...] = ()) -> None:
            data = np.concatenate([np.zeros((0, *columns), dtype), *arrays]).astype(dtype)
            packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if data.size > 64 else {}
            file.create_dataset(name, data=data, **packed)

        put("shape", [np.array([one.labels.shape]) for one in many], "i4", (2,))
        put("nodes/ptr", [offsets(one.grain_id.size for one in many)], "i8")
        put("nodes/id", [one.grain_id for one in many], "i4")
        put("nodes/type", [one.grain_type for one in many], "i1")
        put("nodes/candidate", [one.candidate for one in many], "?")
        put("nodes/area", [one.areas[0][0] for one in many], "i4")
        put("nodes/degree", [one.degree for one in many], "i4")
        put("edges/ptr", [offsets(len(one.edges) for one in many)], "i8")
        put("edges/index", [one.edges for one in many], "i4", (2,))
        put("edges/boundary_length", [one.boundary_length for one in many], "i4")
        put("labels/ptr", [offsets(value.size for value, _ in encoded)], "i8")
        put("labels/value", [value for value, _ in encoded], "i4")
        put("labels/length", [length for _, length in encoded], "i4")
        put("growth/ptr", [offsets(len(one.times) for one in many)], "i8")
        put("growth/records", [offsets(time.size for time in times)], "i8")
        put("growth/time", times, "f8")
        put("growth/area", [area.ravel() for one in many for area in one.areas], "i4")


def names(paths: Iterable[str | os.PathLike]) -> list[str]:
    """The names of all microstructures of some shards, in order, without reading the rest."""
    found = []
    for path in paths:
        with hdf5.opened(path, **FORMAT) as file:
            found += file["name"].asstr()[:].tolist()
    return sorted(found)


def read(path: str | os.PathLike) -> Iterator[Microstructure]:
    """The microstructures of one shard. Raises BadInput if the file is no shard of this version."""
    with hdf5.opened(path, **FORMAT) as file:
        data: dict[str, np.ndarray] = {}
        file.visititems(lambda name, item: data.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        data["name"] = file["name"].asstr()[:]

    area_start = 0
    for i, name in enumerate(data["name"]):
        node, edge, label, growth = (
            slice(*data[f"{group}/ptr"][i : i + 2]) for group in ("nodes", "edges", "labels", "growth")
        )
        n = node.stop - node.start
        times, areas = [], []
        for run in range(growth.start, growth.stop):
            first, last = data["growth/records"][run : run + 2]
            times.append(data["growth/time"][first:last])
            areas.append(data["growth/area"][area_start : area_start + (last - first) * n].reshape(-1, n))
            area_start += (last - first) * n
        yield Microstructure(
            name=str(name),
            labels=label_runs.decode(
                data["labels/value"][label], data["labels/length"][label], tuple(data["shape"][i])
            ),
            grain_id=data["nodes/id"][node],
            grain_type=data["nodes/type"][node],
            candidate=data["nodes/candidate"][node],
            edges=data["edges/index"][edge],
            boundary_length=data["edges/boundary_length"][edge],
            degree=data["nodes/degree"][node],
            times=times,
            areas=areas,
        )
