"""Grain-graph shards: many microstructures in one HDF5 file, each field one flat array.

Format 1 (attributes format = "graincast grain graphs", version = 1). With g microstructures, `ptr` arrays hold g + 1
offsets: the entries of microstructure i lie in [ptr[i], ptr[i + 1]).

    name            str [g]
    group           str [g]            name of the source microstructure; older files lack it: group = name
    shape           int32 [g, 2]       height and width of the periodic lattice, in sites
    nodes/ptr       int64 [g + 1]
    nodes/id        int32 [nodes]      the grain's id in the raw data
    nodes/type      int8 [nodes]       0 candidate, 1 low mobility, 2 high mobility
    nodes/candidate bool [nodes]
    nodes/area      int32 [nodes]      sites
    nodes/degree    int32 [nodes]      number of neighbours before any k-hop cut
    edges/ptr       int64 [g + 1]
    edges/index     int32 [edges, 2]   source and target, node indices in the microstructure, both directions
    edges/boundary_length int32 [edges]  unlike pairs of first- and second-neighbour sites
    labels/ptr      int64 [g + 1]      the label image in row-major runs:
    labels/value    int32 [runs]       node index + 1, or 0 outside the stored grains
    labels/length   int32 [runs]       sites
    growth/ptr      int64 [g + 1]      the growth runs of each microstructure
    growth/name     str [growth runs]  older files lack it: "1", "2", … in each microstructure
    growth/records  int64 [growth runs + 1]  offsets into time
    growth/time     float64 [records]  Monte Carlo steps
    growth/area     int32 [sum of records x nodes]  row-major [records, nodes] of each growth run, one after another
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace

import h5py
import numpy as np

from graincast.files import hdf5
from graincast.graphs import label_runs
from graincast.microstructure import Microstructure

FORMAT: hdf5.Format = {"format": "graincast grain graphs", "version": 1}


def offsets(counts: Iterable[int]) -> np.ndarray:
    """Offsets int64 [n + 1] of n arrays laid end to end."""
    return np.concatenate([[0], np.cumsum(list(counts), dtype=np.int64)]).astype(np.int64)


def write(path: str | os.PathLike, microstructures: Iterable[Microstructure]) -> None:
    """Write a shard atomically; the same microstructures give the same bytes. Their images are held encoded."""
    no_labels, held = np.zeros((0, 0), np.int32), []
    for graph in microstructures:
        held.append((replace(graph, labels=no_labels), graph.labels.shape, label_runs.encode(graph.labels)))
    held.sort(key=lambda one: one[0].name)
    graphs = [graph for graph, _, _ in held]
    times = [time for graph in graphs for time in graph.times]
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(FORMAT)

        def put_texts(name: str, texts: list[str]) -> None:
            file.create_dataset(name, data=texts, dtype=h5py.string_dtype(), shape=(len(texts),))

        def put(name: str, arrays: list[np.ndarray], dtype: str, columns: tuple[int, ...] = ()) -> None:
            data = np.concatenate([np.zeros((0, *columns), dtype), *arrays]).astype(dtype)
            packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if data.size > 64 else {}
            file.create_dataset(name, data=data, **packed)

        put_texts("name", [graph.name for graph in graphs])
        put_texts("group", [graph.group for graph in graphs])
        put("shape", [np.array([shape]) for _, shape, _ in held], "i4", (2,))
        put("nodes/ptr", [offsets(graph.grain_id.size for graph in graphs)], "i8")
        put("nodes/id", [graph.grain_id for graph in graphs], "i4")
        put("nodes/type", [graph.grain_type for graph in graphs], "i1")
        put("nodes/candidate", [graph.candidate for graph in graphs], "?")
        put("nodes/area", [graph.areas[0][0] for graph in graphs], "i4")
        put("nodes/degree", [graph.degree for graph in graphs], "i4")
        put("edges/ptr", [offsets(len(graph.edges) for graph in graphs)], "i8")
        put("edges/index", [graph.edges for graph in graphs], "i4", (2,))
        put("edges/boundary_length", [graph.boundary_length for graph in graphs], "i4")
        put("labels/ptr", [offsets(value.size for _, _, (value, _) in held)], "i8")
        put("labels/value", [value for _, _, (value, _) in held], "i4")
        put("labels/length", [length for _, _, (_, length) in held], "i4")
        put("growth/ptr", [offsets(len(graph.times) for graph in graphs)], "i8")
        put_texts("growth/name", [run for graph in graphs for run in graph.runs])
        put("growth/records", [offsets(time.size for time in times)], "i8")
        put("growth/time", times, "f8")
        put("growth/area", [area.ravel() for graph in graphs for area in graph.areas], "i4")


def names(paths: Iterable[str | os.PathLike]) -> list[str]:
    """The names of all microstructures in these shards, sorted, without reading the rest."""
    return list(groups(paths))


def groups(paths: Iterable[str | os.PathLike]) -> dict[str, str]:
    """{name: group} of all microstructures in these shards, sorted by name, without reading the rest."""
    collected: dict[str, str] = {}
    for path in paths:
        with hdf5.opened(path, FORMAT) as file:
            collected.update(zip(*_names_and_groups(file), strict=True))
    return dict(sorted(collected.items()))


def _names_and_groups(file: h5py.File) -> tuple[list[str], list[str]]:
    name, group = (file[key].asstr()[:].tolist() for key in ("name", "group" if "group" in file else "name"))
    return name, group


def read(path: str | os.PathLike) -> Iterator[Microstructure]:
    """Yield the microstructures of a shard. Raises BadInput if the file is not a shard of this version."""
    with hdf5.opened(path, FORMAT) as file:
        data: dict[str, np.ndarray] = {}
        file.visititems(lambda name, item: data.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        names_and_groups = _names_and_groups(file)
        run_names = file["growth/name"].asstr()[:].tolist() if "growth/name" in file else None

    area_start = 0
    for i, (name, group) in enumerate(zip(*names_and_groups, strict=True)):
        node, edge, label, growth = (
            slice(*data[f"{section}/ptr"][i : i + 2]) for section in ("nodes", "edges", "labels", "growth")
        )
        n = node.stop - node.start
        times, areas = [], []
        for run in range(growth.start, growth.stop):
            first, last = data["growth/records"][run : run + 2]
            times.append(data["growth/time"][first:last])
            areas.append(data["growth/area"][area_start : area_start + (last - first) * n].reshape(-1, n))
            area_start += (last - first) * n
        yield Microstructure(
            name=name,
            group=group,
            labels=label_runs.decode(
                data["labels/value"][label], data["labels/length"][label], tuple(data["shape"][i])
            ),
            grain_id=data["nodes/id"][node],
            grain_type=data["nodes/type"][node],
            candidate=data["nodes/candidate"][node],
            edges=data["edges/index"][edge],
            boundary_length=data["edges/boundary_length"][edge],
            degree=data["nodes/degree"][node],
            runs=run_names[growth] if run_names else [str(run) for run in range(1, len(times) + 1)],
            times=times,
            areas=areas,
        )
