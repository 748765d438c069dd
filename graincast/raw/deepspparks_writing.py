"""Writing grain graphs as DeepSPPARKS JSON files, in the new or the old form (deepspparks.py reads both).

What a file holds is read back before it is written, so that an export is exact or an error: node ids are the grain
ids as stored, masks, types, edges and the areas and times of all growth runs are carried whole, and the degrees
before a cut where they differ from those within it. Not stored with a grain graph, and so not as in an original:

    path                   the graph's name, and the growth run's number where there are several
    grain_types            what the published files say of the three types
    subgraph_node_ranges   the highest node id + 1, not the number of grains before the cut
    timesteps              the kept records' alone, not those of records without areas

In the old form each table of areas has a column for every id up to the highest, 0 for grains that are not stored. The
published code reads an old file as a whole microstructure; cut graphs are for the new form.
"""

import itertools
import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path, PurePosixPath

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
"""Positive quaternion components that stand for each grain type in SPPARKS/meso, and their names."""


def write_folder(folder: Path, microstructures: Iterable[Microstructure], form: str = NEW) -> None:
    """Write one file a microstructure, `folder`/name.json, a name with / into subfolders; the folder appears whole.

    An earlier export there is replaced. Raises BadInput where the folder holds anything else, a name is no path below
    it or stands twice, or a microstructure is none that the form can hold.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / NOTE).is_file():
        raise BadInput(f"{folder}: holds something else than an export ({NOTE} is missing); name another folder")
    with whole(folder) as partial:
        partial.mkdir()
        for one in microstructures:
            parts = PurePosixPath(one.name).parts
            if not parts or ".." in parts or one.name.startswith("/"):
                raise BadInput(f"microstructure {one.name!r}: the name is no path of a file below {folder}")
            path = partial / f"{one.name}.json"
            if path.exists():
                raise BadInput(f"microstructure {one.name!r} stands twice in the graphs; export one data set at a time")
            text = json.dumps(checked(one, form))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (partial / NOTE).write_text(f"Grain graphs in the {form} DeepSPPARKS JSON form.\n", encoding="utf-8")


def checked(microstructure: Microstructure, form: str = NEW) -> dict:
    """The content of a file that reads back as this very microstructure. Raises BadInput where none does."""
    content = document(microstructure, form)
    try:
        back = deepspparks.parse(content, microstructure.name)
    except BadInput as error:
        raise BadInput(f"{microstructure.name}: no graph that DeepSPPARKS JSON can hold: {error}") from None
    for field in fields(Microstructure):
        if not _equal(getattr(microstructure, field.name), getattr(back, field.name)):
            raise BadInput(f"{microstructure.name}: DeepSPPARKS JSON cannot hold its {field.name} exactly")
    return content


def document(microstructure: Microstructure, form: str = NEW) -> dict:
    """The content of a file in the new or old form, for json.dump."""
    m, ids = microstructure, microstructure.grain_id.tolist()
    shape = list(m.labels.shape)
    nodes = {
        str(key): {"grain_type": kind, "rle": {"size": shape, "counts": counts}}
        for key, kind, counts in zip(ids, m.grain_type.tolist(), masks(m.labels, len(ids)), strict=True)
    }
    part = {
        "img_size": shape,
        "grain_types": GRAIN_TYPES,
        "path": [m.name] if len(m.times) == 1 else [f"{m.name}/run_{i}" for i in range(1, len(m.times) + 1)],
        "timesteps": [time.tolist() for time in m.times],
    }
    if (m.degree != np.bincount(m.edges[:, 0], minlength=len(ids))).any():
        part[deepspparks.BEFORE_CUT] = dict(zip(map(str, ids), m.degree.tolist(), strict=True))
    if form == NEW:
        for key, sizes in zip(ids, zip(*(area.T.tolist() for area in m.areas), strict=True), strict=True):
            nodes[str(key)]["grain_size"] = list(sizes)
        metadata = {"subgraph_metadata": [part], "subgraph_node_ranges": [ids[-1] + 1]}
    else:
        tables = [np.zeros((len(area), ids[-1] + 1), np.int32) for area in m.areas]
        for table, area in zip(tables, m.areas, strict=True):
            table[:, ids] = area
        metadata = part | {"grain_sizes": [table.tolist() for table in tables]}
    edges = {f"({ids[source]}, {ids[target]})": {} for source, target in m.edges.tolist()}
    return {"nodes": nodes, "edges": edges, "metadata": metadata}


def masks(labels: np.ndarray, n: int) -> list[str]:
    """Run-length strings (rle.py) of the masks of labels 1 … n of an image int [height, width]."""
    value, length = label_runs.encode(labels.T)
    stop = np.cumsum(length, dtype=np.int64)
    order = np.argsort(value, kind="stable")
    found = []
    for first, last in itertools.pairwise(np.searchsorted(value[order], np.arange(1, n + 2))):
        own = order[first:last]
        bounds = [0, *np.stack([stop[own] - length[own], stop[own]], axis=1).ravel().tolist(), labels.size]
        if len(bounds) > 2 and bounds[-2] == labels.size:
            bounds.pop()
        found.append(encode_runs(np.diff(bounds)))
    return found


def _equal(one: object, other: object) -> bool:
    """Whether two fields of a microstructure are the same in value, shape and type."""
    if isinstance(one, str):
        return one == other
    many = [one, other] if isinstance(one, list) else [[one], [other]]
    return len(many[0]) == len(many[1]) and all(
        a.dtype == b.dtype and np.array_equal(a, b) for a, b in zip(*many, strict=True)
    )
