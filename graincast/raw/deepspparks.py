"""DeepSPPARKS grain graphs: JSON files with a run-length mask and the areas of each grain.

Two forms are met (Cohn & Holm, arXiv 2110.09326, and the code published with it). Node ids are the SPPARKS grain ids
minus 1 in both, and stay what they were when a graph was cut to the neighbourhood of its candidate.

    new   each node has `grain_size`, one list of areas a growth run; `metadata.subgraph_metadata` has one entry with
          `img_size` and `timesteps`, one list a growth run. Where only the first and last areas were kept,
          `timesteps` may still list more records: then its first and last hold.
    old   `metadata` itself has `img_size`, `timesteps` and `grain_sizes`: [records][all grains], column = node id,
          or one such table a growth run, each with its own number of records. Nodes have no areas.

Graphs that deepspparks_writing.py has cut carry `degree_before_cut`, the neighbours that each node had then, beside
`img_size`; the published code passes over it.
"""

import json
import re
from pathlib import Path

import numpy as np

from graincast.graphs.boundaries import adjacency
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, BadInput, Microstructure
from graincast.raw.coco_rle import decode, paint, parse_size

_EDGE = re.compile(r"\(\s*([0-9]+)\s*,\s*([0-9]+)\s*\)")
BEFORE_CUT = "degree_before_cut"
_ID = re.compile(r"0|[1-9][0-9]{0,8}")


def read(path: Path, name: str) -> Microstructure:
    """One grain graph with its growth runs. Raises BadInput for any content that is not one."""
    try:
        document = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON, or cut short: {error}") from None
    return parse(document, name)


def parse(document: object, name: str) -> Microstructure:
    """The grain graph of a file's content. Raises BadInput for any content that is not one."""
    nodes, edges, metadata = (_get(document, key, dict, "the file") for key in ("nodes", "edges", "metadata"))
    if not nodes:
        raise BadInput("no grains")
    for key in nodes:
        if not _ID.fullmatch(key):
            raise BadInput(f"node id {key[:40]!r} is no number")
    keys = sorted(nodes, key=int)
    grains = [_get(nodes, key, dict, "nodes") for key in keys]
    grain_id = np.array([int(key) for key in keys], np.int32)
    grain_type = np.array([_grain_type(key, grain) for key, grain in zip(keys, grains, strict=True)], np.int8)
    candidates = np.flatnonzero(grain_type == CANDIDATE)
    if candidates.size != 1:
        raise BadInput(f"{candidates.size} candidate grains (grain_type 0), not one")

    new = "subgraph_metadata" in metadata
    if new:
        parts = _get(metadata, "subgraph_metadata", list, "metadata")
        if len(parts) != 1:
            raise BadInput(f"subgraph_metadata lists {len(parts)} microstructures, not one")
        metadata = parts[0]
    elif "grain_sizes" not in metadata:
        raise BadInput("metadata has neither subgraph_metadata (new form) nor grain_sizes (old form)")
    labels, mask_area = _paint_masks(keys, grains, parse_size(_get(metadata, "img_size", None, "metadata")))
    areas = _areas_by_node(keys, grains) if new else _areas_by_time(metadata["grain_sizes"], grain_id)
    for table in areas:
        _check_areas(table, keys, mask_area, labels.size)
    times = _times(_get(metadata, "timesteps", list, "metadata"), [len(table) for table in areas])

    pairs, length = _edges(edges, {key: i for i, key in enumerate(keys)}, labels)
    return Microstructure(
        name=name,
        labels=labels,
        grain_id=grain_id,
        grain_type=grain_type,
        candidate=grain_type == CANDIDATE,
        edges=pairs,
        boundary_length=length,
        degree=_degree(metadata, keys, np.bincount(pairs[:, 0], minlength=len(keys))),
        times=times,
        areas=areas,
    )


def _get(mapping, key, kind, where):
    if not isinstance(mapping, dict):
        raise BadInput(f"{where} is no JSON object")
    if key not in mapping:
        raise BadInput(f"{where} has no {key!r}")
    value = mapping[key]
    if kind is not None and not isinstance(value, kind):
        raise BadInput(f"{key!r} in {where} is a {type(value).__name__}, not a {kind.__name__}")
    return value


def _grain_type(key, grain):
    value = _get(grain, "grain_type", int, f"node {key}")
    if isinstance(value, bool) or not CANDIDATE <= value <= HIGH_MOBILITY:
        raise BadInput(f"grain_type of node {key} is {str(value)[:40]}, not 0, 1 or 2")
    return value


def _paint_masks(keys, grains, shape):
    labels, area = np.zeros(shape, np.int32), np.zeros(len(keys), np.int64)
    for i, (key, grain) in enumerate(zip(keys, grains, strict=True)):
        mask = _get(grain, "rle", dict, f"node {key}")
        try:
            size = parse_size(_get(mask, "size", None, "rle"))
            if size != shape:
                raise BadInput(f"a mask of size {list(size)} does not fit an image of {list(shape)}")
            area[i] = paint(labels, decode(_get(mask, "counts", str, "rle"), shape), i + 1)
        except BadInput as error:
            raise BadInput(f"node {key}: {error}") from None
        if area[i] == 0:
            raise BadInput(f"node {key}: its mask is empty")
    return labels, area


def _areas_by_node(keys, grains):
    """One int32 [records, n] a growth run, from the nodes' grain_size (new form)."""
    sizes = [_get(grain, "grain_size", list, f"node {key}") for key, grain in zip(keys, grains, strict=True)]
    for key, runs in zip(keys, sizes, strict=True):
        if not runs or not all(isinstance(run, list) for run in runs):
            raise BadInput(f"grain_size of node {key} is not one list a growth run")
        if len(runs) != len(sizes[0]):
            raise BadInput(f"{len(runs)} growth runs of node {key}, but {len(sizes[0])} of node {keys[0]}")
        for run, (here, first) in enumerate(zip(runs, sizes[0], strict=True), 1):
            if len(here) != len(first):
                reason = f"{len(here)} areas of node {key}, but {len(first)} of node {keys[0]}"
                raise BadInput(f"growth runs of different lengths: {reason} in growth run {run}")
    return [np.ascontiguousarray(_integers(run, "grain_size").T) for run in zip(*sizes, strict=True)]


def _areas_by_time(tables, grain_id):
    """One int32 [records, n] a growth run, from the metadata's grain_sizes (old form)."""
    if not (isinstance(tables, list) and tables and isinstance(tables[0], list) and tables[0]):
        raise BadInput("grain_sizes is no table [records][grains]")
    if not isinstance(tables[0][0], list):
        tables = [tables]
    areas = []
    for table in tables:
        table = _integers(table, "grain_sizes")
        if table.shape[1] <= grain_id[-1]:
            raise BadInput(f"grain_sizes has {table.shape[1]} columns, none for node {grain_id[-1]}")
        areas.append(np.ascontiguousarray(table[:, grain_id]))
    return areas


def _integers(table, what):
    try:
        array = np.array(table)
    except (ValueError, OverflowError):
        raise BadInput(f"the rows of {what} differ in length or kind") from None
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise BadInput(f"{what} holds something else than rows of integers")
    if array.size and not 0 <= array.min() <= array.max() < 2**31:
        raise BadInput(f"{what} holds an area below zero or beyond 32 bits")
    return array.astype(np.int32)


def _check_areas(table, keys, mask_area, sites):
    if len(table) < 2:
        raise BadInput(f"a growth run of {len(table)} records holds no growth")
    wrong = np.flatnonzero(table[0] != mask_area)
    if wrong.size:
        i = wrong[0]
        raise BadInput(f"node {keys[i]}: its initial area is {table[0, i]}, but its mask has {mask_area[i]} sites")
    most = int(table.sum(axis=1, dtype=np.int64).max())
    if most > sites:
        raise BadInput(f"the grains' areas add up to {most} in an image of {sites} sites")


def _times(timesteps, records):
    """One float64 [records] a growth run; a single list of times holds for every run."""
    if timesteps and not isinstance(timesteps[0], list):
        timesteps = [timesteps]
    if len(timesteps) == 1:
        timesteps = timesteps * len(records)
    if len(timesteps) != len(records):
        raise BadInput(f"timesteps of {len(timesteps)} growth runs, but areas of {len(records)}")
    times = []
    for steps, count in zip(timesteps, records, strict=True):
        if not (isinstance(steps, list) and all(type(x) in (int, float) and abs(x) < 1e300 for x in steps)):
            raise BadInput("timesteps are not finite numbers")
        if len(steps) > 2 == count:
            steps = [steps[0], steps[-1]]
        if len(steps) != count:
            raise BadInput(f"{len(steps)} timesteps, but {count} areas a grain")
        time = np.array(steps, np.float64)
        if not (np.diff(time) > 0).all():
            raise BadInput("timesteps do not ascend")
        times.append(time)
    return times


def _degree(metadata, keys, within):
    """Neighbours of each node before the graph was cut, int32 [n]: those within it where nothing else is said."""
    if BEFORE_CUT not in metadata:
        return within.astype(np.int32)
    given = _get(metadata, BEFORE_CUT, dict, "metadata")
    degree = [_get(given, key, int, BEFORE_CUT) for key in keys]
    for key, before, here in zip(keys, degree, within.tolist(), strict=True):
        if not here <= before < 2**31:
            raise BadInput(f"{BEFORE_CUT} of node {key} is {str(before)[:40]}, but it has {here} neighbours")
    return np.array(degree, np.int32)


def _edges(edges, index, labels):
    """The file's edges in both directions, sorted: int32 [m, 2], and their boundary lengths on the image."""
    n = len(index)
    key = np.empty(len(edges), np.int64)
    for i, text in enumerate(edges):
        match = _EDGE.fullmatch(text)
        if not match:
            raise BadInput(f"edge {text[:40]!r} is no pair of nodes")
        source, target = index.get(match[1]), index.get(match[2])
        if source is None or target is None:
            raise BadInput(f"edge {text[:40]} to an absent node")
        key[i] = source * n + target
    key = np.unique(np.concatenate([key, key % n * n + key // n]))
    key = key[key // n != key % n]
    touching, touching_length = adjacency(labels, n)
    touching_key = touching[:, 0].astype(np.int64) * n + touching[:, 1]
    length = np.zeros(key.size, np.int32)
    _, at, found = np.intersect1d(key, touching_key, assume_unique=True, return_indices=True)
    length[at] = touching_length[found]
    return np.stack([key // n, key % n], axis=1).astype(np.int32), length
