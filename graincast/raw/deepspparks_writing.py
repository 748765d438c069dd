"""Writing grain graphs as DeepSPPARKS JSON files, in the new or the old form (deepspparks.py reads both).

Each file's content is parsed back before it is written, so an export is either exact or an error. Node ids are the
stored grain ids. Masks, types, edges, and the areas and times of all growth runs are exact; so are degrees before a
cut, the names of growth runs, non-periodic axes, the spacing and the map's mean area, which are written where they
differ from what a reader would assume. Fields not
stored with a grain graph may differ from the original:

    path                   the graph's name, and the growth run's number if there are several
    grain_types            as in the published files
    subgraph_node_ranges   the highest node id + 1, not the number of grains before the cut
    timesteps              those of the kept records only, not of records without areas

In the old form, each table of areas has a column for every id up to the highest, 0 for grains that are not stored. The
published code treats an old-form file as a whole microstructure; use the new form for cut graphs.
"""

import itertools
import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from graincast.files.atomic import whole
from graincast.graphs import label_runs
from graincast.microstructure import BadInput, Microstructure
from graincast.raw import deepspparks
from graincast.raw.coco_rle import encode_runs

NEW, OLD = "new", "old"
NOTE = "graincast-export.txt"
GRAIN_TYPES = {
    "type_0": [[1.0, 0.0, 0.0], "candidate grain (white)"],
    "type_1": [[0.8944271802902222, 0.4472135901451111, 0.0], "low mobility (blue)"],
    "type_2": [[0.5773502588272095, 0.5773502588272095, 0.5773502588272095], "high mobility (red)"],
}
"""Quaternion components that encode each grain type in SPPARKS/meso, and the name of the type."""


def write_folder(folder: Path, microstructures: Iterable[Microstructure], form: str = NEW) -> None:
    """Write one file per microstructure, `folder`/name.json (a / in a name makes subfolders); the folder appears whole.

    An earlier export there is replaced. Raises BadInput if the folder holds anything else, a name is not a path below
    it or occurs twice, or the form cannot hold a microstructure.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / NOTE).is_file():
        raise BadInput(f"{folder}: holds files other than an export ({NOTE} is missing); choose another folder")
    with whole(folder) as partial:
        partial.mkdir()
        for microstructure in microstructures:
            parts = PurePosixPath(microstructure.name).parts
            if not parts or ".." in parts or microstructure.name.startswith("/"):
                raise BadInput(f"microstructure {microstructure.name!r}: the name is not a path below {folder}")
            path = partial / f"{microstructure.name}.json"
            if path.exists():
                raise BadInput(f"{microstructure.name!r} occurs twice in the graphs; export one data set at a time")
            text = json.dumps(checked(microstructure, form))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (partial / NOTE).write_text(f"Grain graphs in the {form} DeepSPPARKS JSON form.\n", encoding="utf-8")


def checked(microstructure: Microstructure, form: str = NEW) -> dict:
    """The content of a file that reads back as exactly this microstructure. Raises BadInput if there is none."""
    if not microstructure.runs:
        raise BadInput(f"{microstructure.name}: has no growth run, without which DeepSPPARKS JSON cannot hold it")
    content = document(microstructure, form)
    try:
        parsed = deepspparks.parse(content, microstructure.name)
    except BadInput as error:
        raise BadInput(f"{microstructure.name}: DeepSPPARKS JSON cannot hold this graph: {error}") from None
    for field in fields(Microstructure):
        if not _equal(getattr(microstructure, field.name), getattr(parsed, field.name)):
            raise BadInput(f"{microstructure.name}: DeepSPPARKS JSON cannot hold its {field.name} exactly")
    return content


def document(microstructure: Microstructure, form: str = NEW) -> dict:
    """The content of a file in the new or old form, for json.dump."""
    m, ids = microstructure, microstructure.grain_id.tolist()
    shape = list(m.labels.shape)
    nodes: dict[str, dict[str, Any]] = {
        str(key): {"grain_type": kind, "rle": {"size": shape, "counts": counts}}
        for key, kind, counts in zip(ids, m.grain_type.tolist(), masks(m.labels, len(ids)), strict=True)
    }
    entry: dict[str, Any] = {
        "img_size": shape,
        "grain_types": GRAIN_TYPES,
        "path": [m.name] if len(m.times) == 1 else [f"{m.name}/run_{i}" for i in range(1, len(m.times) + 1)],
        "timesteps": [time.tolist() for time in m.times],
    }
    if (m.degree != np.bincount(m.edges[:, 0], minlength=len(ids))).any():
        entry[deepspparks.BEFORE_CUT] = dict(zip(map(str, ids), m.degree.tolist(), strict=True))
    if m.runs != [str(run) for run in range(1, len(m.runs) + 1)]:
        entry[deepspparks.RUN_NAMES] = m.runs
    if not all(m.periodic):
        entry[deepspparks.PERIODIC] = list(m.periodic)
    entry |= {key: getattr(m, key) for key in deepspparks.LENGTHS if getattr(m, key) is not None}
    if form == NEW:
        for key, sizes in zip(ids, zip(*(area.T.tolist() for area in m.areas), strict=True), strict=True):
            nodes[str(key)]["grain_size"] = list(sizes)
        metadata: dict[str, Any] = {"subgraph_metadata": [entry], "subgraph_node_ranges": [ids[-1] + 1]}
    else:
        tables = [np.zeros((len(area), ids[-1] + 1), np.int32) for area in m.areas]
        for table, area in zip(tables, m.areas, strict=True):
            table[:, ids] = area
        metadata = entry | {"grain_sizes": [table.tolist() for table in tables]}
    edges: dict[str, dict] = {f"({ids[source]}, {ids[target]})": {} for source, target in m.edges.tolist()}
    return {"nodes": nodes, "edges": edges, "metadata": metadata}


def masks(labels: np.ndarray, n: int) -> list[str]:
    """Run-length strings (coco_rle.py) of the masks of labels 1 … n in an image int [height, width]."""
    value, length = label_runs.encode(labels.T)
    stop = np.cumsum(length, dtype=np.int64)
    order = np.argsort(value, kind="stable")
    strings = []
    for first, last in itertools.pairwise(np.searchsorted(value[order], np.arange(1, n + 2))):
        runs = order[first:last]
        bounds = [0, *np.stack([stop[runs] - length[runs], stop[runs]], axis=1).ravel().tolist(), labels.size]
        if len(bounds) > 2 and bounds[-2] == labels.size:
            bounds.pop()
        strings.append(encode_runs(np.diff(bounds)))
    return strings


def _equal(left: Any, right: Any) -> bool:
    """Whether two fields of a microstructure agree in value, shape and type."""
    if isinstance(left, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, np.ndarray):
        return left.dtype == right.dtype and np.array_equal(left, right)
    return left == right
