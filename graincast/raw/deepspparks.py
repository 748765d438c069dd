"""DeepSPPARKS grain graphs: JSON files with a run-length mask and the areas of each grain.

There are two forms (Cohn & Holm, arXiv 2110.09326, and the code published with it). In both, node ids are the SPPARKS
grain ids minus 1; cutting a graph to the neighbourhood of its candidate grain does not change them.

    new   each node has `grain_size`, one list of areas per growth run; `metadata.subgraph_metadata` has one entry with
          `img_size` and `timesteps`, one list per growth run. If only the first and last areas were kept,
          `timesteps` may still list more records: its first and last then apply.
    old   `metadata` itself has `img_size`, `timesteps` and `grain_sizes`: [records][all grains], column = node id,
          or one such table per growth run, each with its own number of records. Nodes have no areas.

Files written by deepspparks_writing.py may also hold, beside `img_size`, `degree_before_cut`, the number of neighbours
of each node before the cut, `growth_runs`, the names of the growth runs, `periodic`, for each axis, `spacing` of sites
in µm, and `map_mean_area`, of all grains before the cut, in sites; the published code ignores them.
"""

import json
import re
from collections import Counter
from itertools import accumulate, chain, filterfalse
from pathlib import Path
from typing import Any

import numpy as np

from graincast.graphs.boundaries import adjacency
from graincast.graphs.time_steps import ascending
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, BadInput, Microstructure
from graincast.raw.coco_rle import paint_masks, parse_size
from graincast.raw.limits import regular_file
from graincast.raw.listed_edges import MOST_DIGITS, listed_edges

BEFORE_CUT, RUN_NAMES, PERIODIC = "degree_before_cut", "growth_runs", "periodic"
LENGTHS = ("spacing", "map_mean_area")
_ID = re.compile(rf"0|[1-9][0-9]{{0,{MOST_DIGITS - 1}}}")


def read(path: Path, name: str) -> Microstructure:
    """One grain graph with its growth runs. Raises BadInput for any other content."""
    path = Path(path)
    regular_file(path)
    content = path.read_bytes()
    try:
        document = _DECODER.decode(content.decode(json.detect_encoding(content)))
    except BadInput:
        raise
    except (ValueError, RecursionError) as error:
        raise BadInput(f"not JSON, or cut short: {error}") from None
    return parse(document, name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object. Raises BadInput for a key that occurs twice, of which others would see the last alone."""
    if not pairs:
        return {}  # most objects, those of edges, are empty
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise BadInput(f"key {twice[:40]!r} occurs twice in one JSON object")
    return mapping


_DECODER = json.JSONDecoder(object_pairs_hook=_unique)


def parse(document: object, name: str) -> Microstructure:
    """The grain graph in a file's content. Raises BadInput for any other content."""
    nodes, edges, metadata = (_get(document, key, dict, "the file") for key in ("nodes", "edges", "metadata"))
    if not nodes:
        raise BadInput("no grains")
    for key in filterfalse(_ID.fullmatch, nodes):
        raise BadInput(f"node id {key[:40]!r} is not a number")
    keys = sorted(nodes, key=int)
    grains = [nodes[key] for key in keys]
    grain_id = np.array(list(map(int, keys)), np.int32)
    grain_type = _grain_types(keys, grains)
    candidate = grain_type == CANDIDATE
    candidates = np.count_nonzero(candidate)
    if candidates != 1:
        raise BadInput(f"{candidates} candidate grains (grain_type 0), not one")

    new = "subgraph_metadata" in metadata
    if new:
        entries = _get(metadata, "subgraph_metadata", list, "metadata")
        if len(entries) != 1:
            raise BadInput(f"subgraph_metadata lists {len(entries)} microstructures, not one")
        metadata = entries[0]
    elif "grain_sizes" not in metadata:
        raise BadInput("metadata has neither subgraph_metadata (new form) nor grain_sizes (old form)")
    labels, mask_area, rows = _paint_masks(keys, grains, _get(metadata, "img_size", None, "metadata"))
    areas = _areas_by_node(keys, grains) if new else _areas_by_time(metadata["grain_sizes"], grain_id)
    for table in areas:
        _check_areas(table, keys, mask_area, labels.size)
    times = _times(_get(metadata, "timesteps", list, "metadata"), [len(table) for table in areas])
    growth = [ascending(*run) for run in zip(times, areas, strict=True)]

    periodic = _periodic(metadata)
    pairs, length = listed_edges(edges, grain_id, *adjacency(labels, len(keys), periodic, rows))
    return Microstructure(
        name=name,
        group=name,
        labels=labels,
        grain_id=grain_id,
        grain_type=grain_type,
        candidate=candidate,
        edges=pairs,
        boundary_length=length,
        degree=_degree(metadata, keys, np.bincount(pairs[:, 0], minlength=len(keys))),
        runs=_run_names(metadata, len(growth)),
        times=[time for time, _ in growth],
        areas=[table for _, table in growth],
        periodic=periodic,
        spacing=_positive(metadata, "spacing"),
        map_mean_area=_positive(metadata, "map_mean_area"),
    )


def _get(mapping: object, key: str, kind: type | None, *where: str) -> Any:
    if not isinstance(mapping, dict):
        raise BadInput(f"{' '.join(where)} is not a JSON object")
    if key not in mapping:
        raise BadInput(f"{' '.join(where)} has no {key!r}")
    value = mapping[key]
    if kind is not None and type(value) is not kind:  # isinstance takes true for an integer
        raise BadInput(f"{key!r} in {' '.join(where)} is a {type(value).__name__}, not a {kind.__name__}")
    return value


def _of_nodes(keys: list[str], grains: list, key: str, kind: type) -> list:
    """What each node has under a key. Raises BadInput, which names the node."""
    try:  # all at once: one by one, as is done where one is wrong, takes longer
        values = [grain[key] for grain in grains]
    except (LookupError, TypeError):
        values = []
    if values and set(map(type, values)) == {kind} and set(map(type, grains)) == {dict}:
        return values
    return [_get(grain, key, kind, "node", node) for node, grain in zip(keys, grains, strict=True)]


def _grain_types(keys: list[str], grains: list) -> np.ndarray:
    values = _of_nodes(keys, grains, "grain_type", int)
    if not CANDIDATE <= min(values) <= max(values) <= HIGH_MOBILITY:
        key, value = next(one for one in zip(keys, values, strict=True) if not CANDIDATE <= one[1] <= HIGH_MOBILITY)
        raise BadInput(f"grain_type of node {key} is {str(value)[:40]}, not 0, 1 or 2")
    return np.array(values, np.int8)


def _paint_masks(keys: list[str], grains: list[dict], img_size: object) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The label image, the area of each mask, and the rows that hold a grain (coco_rle.paint_masks)."""
    shape = parse_size(img_size)
    masks = _of_nodes(keys, grains, "rle", dict)
    sizes = [mask.get("size") for mask in masks]
    alike = sizes.count(img_size) == len(sizes) and {*map(type, chain.from_iterable(sizes))} <= {int, str}
    if not (alike and all("counts" in mask for mask in masks)):  # types too, as [True, 1.0] equals [1, 1]
        for key, mask in zip(keys, masks, strict=True):
            _check_mask(key, mask, shape)
    rows = np.zeros(shape[0], np.bool_)
    counts = {f"node {key}": mask["counts"] for key, mask in zip(keys, masks, strict=True)}
    return *paint_masks(counts, shape, rows), rows


def _check_mask(key: str, mask: dict, shape: tuple[int, int]) -> None:
    try:
        size = parse_size(_get(mask, "size", None, "rle"))
        _get(mask, "counts", None, "rle")
    except BadInput as error:
        raise BadInput(f"node {key}: {error}") from None
    if size != shape:
        raise BadInput(f"node {key}: a mask of size {list(size)} does not fit an image of {list(shape)}")


def _areas_by_node(keys: list[str], grains: list[dict]) -> list[np.ndarray]:
    """One int32 [records, n] per growth run, from the nodes' grain_size (new form)."""
    sizes = _of_nodes(keys, grains, "grain_size", list)
    if not _alike(sizes):
        _check_alike(keys, sizes)
    values = _integers([*chain.from_iterable(chain.from_iterable(sizes))], "grain_size")
    by_time = np.ascontiguousarray(values.reshape(len(keys), -1).T)
    records = [*map(len, sizes[0])]
    return [by_time[end - count : end] for count, end in zip(records, accumulate(records), strict=True)]


def _alike(sizes: list[list]) -> bool:
    """Whether all nodes have as many growth runs, at least one, and in each run as many areas."""
    runs = list(chain.from_iterable(sizes))
    if not runs or set(map(type, runs)) != {list} or len(set(map(len, sizes))) != 1:
        return False
    return list(map(len, runs)) == list(map(len, sizes[0])) * len(sizes)


def _check_alike(keys: list[str], sizes: list[list]) -> None:
    for key, runs in zip(keys, sizes, strict=True):
        if not runs or not all(isinstance(run, list) for run in runs):
            raise BadInput(f"grain_size of node {key} is not a list of lists, one per growth run")
        if len(runs) != len(sizes[0]):
            raise BadInput(f"{len(runs)} growth runs of node {key}, but {len(sizes[0])} of node {keys[0]}")
        for run, (areas, first_areas) in enumerate(zip(runs, sizes[0], strict=True), 1):
            if len(areas) != len(first_areas):
                reason = f"{len(areas)} areas of node {key}, but {len(first_areas)} of node {keys[0]}"
                raise BadInput(f"growth runs of different lengths: {reason} in growth run {run}")


def _areas_by_time(tables: object, grain_id: np.ndarray) -> list[np.ndarray]:
    """One int32 [records, n] per growth run, from the metadata's grain_sizes (old form)."""
    if not (isinstance(tables, list) and tables and isinstance(tables[0], list) and tables[0]):
        raise BadInput("grain_sizes is not a table [records][grains]")
    if not isinstance(tables[0][0], list):
        tables = [tables]
    areas = []
    for table in tables:
        if not (isinstance(table, list) and table and set(map(type, table)) == {list}):
            raise BadInput("grain_sizes must hold rows of integers")
        values = _integers([*chain.from_iterable(table)], "grain_sizes")
        columns = len(table[0])
        if set(map(len, table)) != {columns}:
            raise BadInput(_UNLIKE_ROWS.format(key="grain_sizes"))
        if columns <= grain_id[-1]:
            raise BadInput(f"grain_sizes has {columns} columns, none for node {grain_id[-1]}")
        areas.append(np.ascontiguousarray(values.reshape(-1, columns)[:, grain_id]))
    return areas


_UNLIKE_ROWS = "the rows of {key} differ in length, or hold integers beyond 64 bits"


def _integers(values: list, key: str) -> np.ndarray:
    if not set(map(type, values)) <= {int}:
        raise BadInput(f"{key} must hold rows of integers")
    lowest, highest = min(values, default=0), max(values, default=0)
    if not -(2**63) <= lowest <= highest < 2**63:
        raise BadInput(_UNLIKE_ROWS.format(key=key))
    if not 0 <= lowest <= highest < 2**31:
        raise BadInput(f"{key} holds an area below zero or beyond 32 bits")
    return np.array(values, np.int32)


def _check_areas(table: np.ndarray, keys: list[str], mask_area: np.ndarray, sites: int) -> None:
    if len(table) < 2:
        raise BadInput(f"a growth run of {len(table)} records is too short; at least 2 are needed")
    for key, area, sites_of_mask in zip(keys, table[0].tolist(), mask_area.tolist(), strict=True):
        if area != sites_of_mask:
            raise BadInput(f"node {key}: its initial area is {area}, but its mask has {sites_of_mask} sites")
    largest = max(table.sum(axis=1, dtype=np.int64).tolist())
    if largest > sites:
        raise BadInput(f"the grains' areas add up to {largest} in an image of {sites} sites")


def _times(timesteps: list, records: list[int]) -> list[np.ndarray]:
    """One float64 [records] per growth run; a single list of times applies to all runs."""
    if timesteps and not isinstance(timesteps[0], list):
        timesteps = [timesteps]
    if len(timesteps) == 1:
        timesteps = timesteps * len(records)
    if len(timesteps) != len(records):
        raise BadInput(f"timesteps of {len(timesteps)} growth runs, but areas of {len(records)}")
    times = []
    for steps, count in zip(timesteps, records, strict=True):
        if not (isinstance(steps, list) and all(type(step) in (int, float) and abs(step) < 1e300 for step in steps)):
            raise BadInput("timesteps are not finite numbers")
        if len(steps) > 2 == count:
            steps = [steps[0], steps[-1]]
        if len(steps) != count:
            raise BadInput(f"{len(steps)} timesteps, but {count} areas per grain")
        time = np.array(steps, np.float64)
        if time.tolist() != steps:
            raise BadInput("timesteps hold an integer that is too large to be exact in 64 bits")
        times.append(time)
    return times


def _run_names(metadata: dict, growth_runs: int) -> list[str]:
    """The names of the growth runs; "1", "2", … if the file holds none."""
    if RUN_NAMES not in metadata:
        return [str(run) for run in range(1, growth_runs + 1)]
    names = _get(metadata, RUN_NAMES, list, "metadata")
    if len(names) != growth_runs or not all(isinstance(name, str) and name.isprintable() for name in names):
        raise BadInput(f"{RUN_NAMES} is not a list of {growth_runs} names")
    if len(set(names)) < len(names):
        raise BadInput(f"{RUN_NAMES} names two growth runs alike")
    return names


def _degree(metadata: dict, keys: list[str], degree_after: np.ndarray) -> np.ndarray:
    """Degree of each node before the graph was cut, int32 [n]; `degree_after`, int [n], if the file holds none."""
    if BEFORE_CUT not in metadata:
        return degree_after.astype(np.int32)
    by_node = _get(metadata, BEFORE_CUT, dict, "metadata")
    degree = [_get(by_node, key, int, BEFORE_CUT) for key in keys]
    for key, before, after in zip(keys, degree, degree_after.tolist(), strict=True):
        if not after <= before < 2**31:
            raise BadInput(f"{BEFORE_CUT} of node {key} is {str(before)[:40]}, but it has {after} neighbours")
    return np.array(degree, np.int32)


def _periodic(metadata: dict) -> tuple[bool, ...]:
    """For each axis, whether it is periodic; both, if the file does not say."""
    axes = _get(metadata, PERIODIC, list, "metadata") if PERIODIC in metadata else [True, True]
    if len(axes) != 2 or not all(isinstance(axis, bool) for axis in axes):
        raise BadInput(f"{PERIODIC} is not a list of two truth values")
    return tuple(axes)


def _positive(metadata: dict, key: str) -> float | None:
    """A number above 0; None if the file does not hold it."""
    value = metadata.get(key)
    if value is not None and not (type(value) in (int, float) and 0 < value < 1e300):
        raise BadInput(f"{key} is {str(value)[:40]}, not a number above 0")
    return value if value is None else float(value)
