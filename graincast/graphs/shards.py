"""Grain-graph shards: many microstructures in one HDF5 file, each field one flat array.

What the candidates of a map share is stored once. Format 2 (attributes format = "graincast grain graphs", version =
2). With g maps, `ptr` arrays hold g + 1 offsets: the entries of map i lie in [ptr[i], ptr[i + 1]).

    group           str [g]            name of the source microstructure
    shape           int32 [g, 2]       height and width of the lattice, in sites
    periodic        bool [g, 2]        whether sites at one end of an axis touch those at the other
    spacing         float64 [g]        distance of neighbouring sites, µm; NaN if unknown
    mean_area       float64 [g]        mean area of all grains of the map, sites; NaN: of those that are stored
    note            str [g]            what is to be known of how the map was read; often ""
    hops            int32 [g]          the k-hop subgraphs to cut when reading; -1: none, or cut already
    nodes/ptr       int64 [g + 1]
    nodes/id        int32 [nodes]      the grain's id in the raw data
    nodes/area      int32 [nodes]      sites
    nodes/degree    int32 [nodes]      number of neighbours before any k-hop cut
    nodes/orientation  float64 [nodes, 4]  unit quaternion (graphs/orientations.py); NaN if unknown
    nodes/phase     int32 [nodes]      -1 if unknown
    nodes/laue      int8 [nodes]       Laue group (graphs/orientations.py); -1 if unknown
    columns/NAME    float64 [nodes] or str [nodes]  further columns of grains; NaN or "" where a map lacks them
    edges/ptr       int64 [g + 1]
    edges/index     int32 [edges, 2]   source and target, node indices in the map, both directions
    edges/boundary_length int32 [edges]  unlike pairs of first- and second-neighbour sites
    labels/ptr      int64 [g + 1]      the label image in row-major runs:
    labels/value    int32 [runs]       node index + 1, or 0 where there is no grain
    labels/length   int32 [runs]       sites
    candidates/ptr  int64 [g + 1]      the samples of each map, one per candidate
    candidates/name str [samples]      the sample's name
    candidates/node int32 [samples]    node index of the candidate
    candidates/type int8 [sum of samples x nodes]  row-major [samples, nodes] of each map: 0 candidate, 1 low mobility,
                                       2 high mobility
    growth/ptr      int64 [g + 1]      the growth runs of each map; there may be none
    growth/name     str [growth runs]
    growth/records  int64 [growth runs + 1]  offsets into time
    growth/time     float64 [records]  Monte Carlo steps
    growth/area     int32 [sum of records x nodes]  row-major [records, nodes] of each growth run, one after another

What no map has (spacing, orientations, columns, …) is left out.
"""

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import h5py
import numpy as np

from graincast.files import hdf5
from graincast.graphs import label_runs
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import GrainTable, Microstructure

FORMAT: hdf5.Format = {"format": "graincast grain graphs", "version": 2}


def offsets(counts: Iterable[int]) -> np.ndarray:
    """Offsets int64 [n + 1] of n arrays laid end to end."""
    return np.concatenate([[0], np.cumsum(list(counts), dtype=np.int64)]).astype(np.int64)


def write(path: str | os.PathLike, microstructures: Iterable[Microstructure], hops: int | None = None) -> None:
    """Write a shard atomically; the same microstructures give the same bytes. Their images are held encoded.

    Successive microstructures that share their label image are candidates of one map, which is stored once.
    hops  each graph keeps the grains within this many hops of its candidate; None: all
    """
    held = []
    for _, of_map in itertools.groupby(microstructures, key=lambda one: id(one.labels)):
        held.append(_held(list(of_map), hops))
    held.sort(key=lambda one: one[0][0].name)
    maps, cuts = [samples[0] for samples, *_ in held], [cut for _, _, _, cut in held]
    samples = [sample for of_map, *_ in held for sample in of_map]
    times = [time for one in maps for time in one.times]
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(FORMAT)

        def put_texts(name: str, texts: Sequence[str]) -> None:
            file.create_dataset(name, data=list(texts), dtype=h5py.string_dtype(), shape=(len(texts),))

        def put(name: str, arrays: Sequence[np.ndarray], dtype: str, columns: tuple[int, ...] = ()) -> None:
            data = np.concatenate([np.zeros((0, *columns), dtype), *arrays]).astype(dtype)
            packed = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if data.size > 64 else {}
            file.create_dataset(name, data=data, **packed)

        def put_known(
            name: str, values: Sequence[Any], unknown: Any, dtype: str, columns: tuple[int, ...] = ()
        ) -> None:
            """Put one value or array of rows per map, unless all are None."""
            if any(value is not None for value in values):
                sizes = [one.grain_id.size if name.startswith("nodes") else 1 for one in maps]
                filled = [
                    np.full((size, *columns), unknown) if value is None else np.reshape(value, (size, *columns))
                    for value, size in zip(values, sizes, strict=True)
                ]
                put(name, filled, dtype, columns)

        put_texts("group", [one.group for one in maps])
        put("shape", [np.array([shape]) for _, shape, *_ in held], "i4", (2,))
        put("periodic", [np.array([one.periodic]) for one in maps], "?", (2,))
        put_known("spacing", [one.spacing for one in maps], math.nan, "f8")
        put_known("mean_area", [one.map_mean_area for one in maps], math.nan, "f8")
        if any(one.note for one in maps):
            put_texts("note", [one.note for one in maps])
        put("hops", [np.array([-1 if cut is None else cut]) for cut in cuts], "i4")
        put("nodes/ptr", [offsets(one.grain_id.size for one in maps)], "i8")
        put("nodes/id", [one.grain_id for one in maps], "i4")
        put("nodes/area", [one.area for one in maps], "i4")
        put("nodes/degree", [one.degree for one in maps], "i4")
        tables = [one.grains or GrainTable() for one in maps]
        put_known("nodes/orientation", [table.orientation for table in tables], math.nan, "f8", (4,))
        put_known("nodes/phase", [table.phase for table in tables], -1, "i4")
        put_known("nodes/laue", [table.laue for table in tables], -1, "i1")
        _put_columns(file, tables, [one.grain_id.size for one in maps])
        put("edges/ptr", [offsets(len(one.edges) for one in maps)], "i8")
        put("edges/index", [one.edges for one in maps], "i4", (2,))
        put("edges/boundary_length", [one.boundary_length for one in maps], "i4")
        put("labels/ptr", [offsets(value.size for _, _, (value, _), _ in held)], "i8")
        put("labels/value", [value for _, _, (value, _), _ in held], "i4")
        put("labels/length", [length for _, _, (_, length), _ in held], "i4")
        put("candidates/ptr", [offsets(len(of_map) for of_map, *_ in held)], "i8")
        put_texts("candidates/name", [sample.name for sample in samples])
        put("candidates/node", [np.array([sample.candidate_index]) for sample in samples], "i4")
        put("candidates/type", [sample.grain_type for sample in samples], "i1")
        put("growth/ptr", [offsets(len(one.times) for one in maps)], "i8")
        put_texts("growth/name", [run for one in maps for run in one.runs])
        put("growth/records", [offsets(time.size for time in times)], "i8")
        put("growth/time", times, "f8")
        put("growth/area", [area.ravel() for one in maps for area in one.areas], "i4")


def _held(samples: list[Microstructure], hops: int | None) -> tuple:
    """What is kept of a map until the file is written: samples without image, shape, encoded image, hops to cut."""
    if len(samples) == 1:
        samples, hops = [k_hop_subgraph(samples[0], hops)], None
    labels = samples[0].labels
    nothing = np.zeros((0, 0), np.int32)
    bare = [replace(sample, labels=nothing) for sample in samples]
    if not bare[0].areas:
        vars(bare[0])["area"] = samples[0].area  # cached, as it comes from the image
    return bare, labels.shape, label_runs.encode(labels), hops


def _put_columns(file: h5py.File, tables: Sequence[GrainTable], sizes: Sequence[int]) -> None:
    for name in sorted({name for table in tables for name in table.columns}):
        there = [table.columns.get(name) for table in tables]
        if all(values is None or values.dtype.kind == "f" for values in there):
            rows = [np.full(size, math.nan) if v is None else v for v, size in zip(there, sizes, strict=True)]
            file.create_dataset(f"columns/{_escaped(name)}", data=np.concatenate(rows).astype("f8"))
        else:
            texts = [[""] * size if v is None else v.astype(str).tolist() for v, size in zip(there, sizes, strict=True)]
            data = list(itertools.chain.from_iterable(texts))
            file.create_dataset(f"columns/{_escaped(name)}", data=data, dtype=h5py.string_dtype(), shape=(len(data),))


def _escaped(name: str) -> str:
    """A column's name as one of HDF5, where / separates groups and . stands for the group itself."""
    return name.replace("%", "%25").replace("/", "%2F").replace(".", "%2E")


def names(paths: Iterable[str | os.PathLike]) -> list[str]:
    """The names of all microstructures in these shards, sorted, without reading the rest."""
    return list(groups(paths))


def groups(paths: Iterable[str | os.PathLike]) -> dict[str, str]:
    """{name: group} of all microstructures in these shards, sorted by name, without reading the rest."""
    collected: dict[str, str] = {}
    for path in paths:
        with hdf5.opened(path, FORMAT) as file:
            counts = np.diff(file["candidates/ptr"][()])
            of_sample = np.repeat(np.array(file["group"].asstr()[:], object), counts).tolist()
            collected.update(zip(file["candidates/name"].asstr()[:].tolist(), of_sample, strict=True))
    return dict(sorted(collected.items()))


def read(path: str | os.PathLike) -> Iterator[Microstructure]:
    """Yield the microstructures of a shard. Raises BadInput if the file is not a shard of this version."""
    for _, samples in read_maps(path):
        yield from samples


@dataclass(frozen=True)
class Samples:
    """The samples of a map, each made when it is its turn: one for each candidate, cut to the k-hop neighbourhood.

    names       str [candidates]
    types       int8 [candidates, n], the types of the map's grains in each sample
    candidates  bool [candidates, n]
    hops        None: whole
    """

    whole: Microstructure
    names: np.ndarray
    types: np.ndarray
    candidates: np.ndarray
    hops: int | None

    def __iter__(self) -> Iterator[Microstructure]:
        for name, grain_type, candidate in zip(self.names, self.types, self.candidates, strict=True):
            sample = replace(self.whole, name=name, grain_type=grain_type, candidate=candidate)
            yield k_hop_subgraph(sample, self.hops)


def read_maps(path: str | os.PathLike) -> Iterator[tuple[Microstructure, Samples]]:
    """Yield each map of a shard, with its first candidate and without k-hop cut, and its samples, which are cut.

    Raises BadInput if the file is not a shard of this version.
    """
    with hdf5.opened(path, FORMAT) as file:
        data: dict[str, Any] = {}

        def collect(name: str, item: h5py.Dataset | h5py.Group) -> None:
            if isinstance(item, h5py.Dataset):
                is_text = h5py.check_string_dtype(item.dtype)
                data[name] = np.array(item.asstr()[:], object) if is_text else item[()]

        file.visititems(collect)
    area_start = type_start = 0
    for i, group in enumerate(data["group"]):
        node, edge, label, growth, chosen = (
            slice(*data[f"{section}/ptr"][i : i + 2])
            for section in ("nodes", "edges", "labels", "growth", "candidates")
        )
        n = node.stop - node.start
        times, areas = [], []
        for run in range(growth.start, growth.stop):
            first, last = data["growth/records"][run : run + 2]
            times.append(data["growth/time"][first:last])
            areas.append(data["growth/area"][area_start : area_start + (last - first) * n].reshape(-1, n))
            area_start += (last - first) * n
        count = chosen.stop - chosen.start
        types = data["candidates/type"][type_start : type_start + count * n].reshape(-1, n)
        type_start += count * n
        candidates = data["candidates/node"][chosen, None] == np.arange(n)
        sample_names = data["candidates/name"][chosen]
        whole = Microstructure(
            name=sample_names[0],
            group=group,
            labels=label_runs.decode(
                data["labels/value"][label], data["labels/length"][label], tuple(data["shape"][i])
            ),
            grain_id=data["nodes/id"][node],
            grain_type=types[0],
            candidate=candidates[0],
            edges=data["edges/index"][edge],
            boundary_length=data["edges/boundary_length"][edge],
            degree=data["nodes/degree"][node],
            runs=data["growth/name"][growth].tolist(),
            times=times,
            areas=areas,
            periodic=tuple(data["periodic"][i].tolist()),
            spacing=_known(data, "spacing", i),
            grains=_grain_table(data, node),
            map_mean_area=_known(data, "mean_area", i),
            note=data["note"][i] if "note" in data else "",
        )
        hops = None if data["hops"][i] < 0 else int(data["hops"][i])
        yield whole, Samples(whole, sample_names, types, candidates, hops)


def _known(data: dict[str, Any], key: str, i: int) -> float | None:
    return None if key not in data or math.isnan(data[key][i]) else float(data[key][i])


def _grain_table(data: dict[str, Any], node: slice) -> GrainTable | None:
    """The table of a map's grains; None where nothing is known of them."""

    def known(key: str, unknown: float) -> np.ndarray | None:
        rows = data[key][node] if key in data else None
        missing = np.isnan if math.isnan(unknown) else lambda values: values == unknown
        return None if rows is None or missing(rows).all() else rows

    orientation, phase, laue = known("nodes/orientation", math.nan), known("nodes/phase", -1), known("nodes/laue", -1)
    columns = {}
    for key, values in data.items():
        if key.startswith("columns/"):
            name = key.removeprefix("columns/").replace("%2E", ".").replace("%2F", "/").replace("%25", "%")
            columns[name] = values[node] if values.dtype.kind == "f" else values[node].astype(str)
    if orientation is None and phase is None and laue is None and not columns:
        return None
    return GrainTable(orientation, phase, laue, columns)
