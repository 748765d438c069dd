"""A data frame to predictions: what a trained model does where it is served.

The frame has one of two forms:

    raw     a column `path`: DeepSPPARKS JSON files, or SPPARKS run folders; read, cut and measured here
    grains  a row a grain: microstructure (text), grain (its number), candidate (bool), neighbours (list of numbers),
            boundary_length (list, in the order of the neighbours; for models that look at edges), and the features

Predictions are averaged over the models of all folds.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from graincast.features.nodes import features
from graincast.features.table import FeatureTable, assemble
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import BadInput, Microstructure
from graincast.models import by_name
from graincast.prediction.columns import GRAINS, LENGTHS, OUTPUT
from graincast.raw import deepspparks, spparks


def predict(frame: pd.DataFrame, about: dict, models: dict[str, dict]) -> pd.DataFrame:
    """A row a microstructure (a grain, where the model predicts all grains): its name and what is predicted.

    about   model, columns, kind (of target), grains (that are predicted), recipe (hops and feature columns, or None)
    models  the parameters of each fold
    Raises BadInput for a frame of neither form.
    """
    if "path" in frame and frame["path"].notna().all():
        names = [str(path) for path in frame["path"]]
        parts, grain_ids = _read(names, about["recipe"])
    else:
        names, parts, grain_ids = _grouped(frame, about["columns"])
    data = _table(parts, about["columns"])
    module = by_name.load(about["model"])
    values = np.mean([module.predict(model, data) for model in models.values()], axis=0)
    if about["grains"] == "all":
        owner = np.repeat(names, np.diff(data.node_ptr))
        found = {"microstructure": owner, "grain": np.concatenate(grain_ids), OUTPUT[about["kind"]]: values}
    else:
        found = {"microstructure": names, OUTPUT[about["kind"]]: values}
    return pd.DataFrame(found)


def _read(paths: list[str], recipe: dict | None) -> tuple[list[dict], list[np.ndarray]]:
    """Raw files as parts of a table, and their grains' ids."""
    if not recipe:
        raise BadInput("path: this model knows no recipe for raw files; give a row a grain with its features")
    columns = recipe["features"]["columns"]
    parts, ids = [], []
    for path in paths:
        read = spparks.read if Path(path).is_dir() else deepspparks.read
        try:
            one = k_hop_subgraph(read(Path(path), path), recipe["hops"])
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        parts.append(_part(one, columns))
        ids.append(one.grain_id)
    return parts, ids


def _part(one: Microstructure, columns: list[str]) -> dict:
    return {
        "x": features(one, columns),
        "candidate": one.candidate,
        "edges": one.edges,
        "edge_x": one.boundary_length[:, None].astype(float),
    }


def _grouped(frame: pd.DataFrame, columns: list[str]) -> tuple[list[str], list[dict], list[np.ndarray]]:
    """Rows of grains as parts of a table, a part a microstructure, in the order in which they first stand."""
    missing = [name for name in (*GRAINS, *columns) if name not in frame]
    if missing:
        wanted = f"a column path, or {', '.join(GRAINS)} and features"
        raise BadInput(f"the data lack the column {missing[0]}; give {wanted}")
    names, parts, ids = [], [], []
    for name, rows in frame.groupby("microstructure", sort=False):
        grain = rows["grain"].to_numpy()
        index = {number: i for i, number in enumerate(grain.tolist())}
        near = [np.asarray(one, dtype=np.int64) for one in rows["neighbours"]]
        try:
            targets = [index[number] for one in near for number in one.tolist()]
        except KeyError as error:
            raise BadInput(f"microstructure {name}: neighbour {error} is none of its grains") from None
        candidate = rows["candidate"].to_numpy(bool)
        if candidate.sum() != 1:
            raise BadInput(f"microstructure {name}: {candidate.sum()} candidate grains, not one")
        source = np.repeat(np.arange(grain.size), [one.size for one in near])
        edges = np.stack([source, np.array(targets, np.int64)], axis=1).astype(np.int32)
        length = np.zeros(len(edges))
        if LENGTHS in rows and rows[LENGTHS].notna().all():
            length = np.concatenate([np.zeros(0), *(np.asarray(one, float) for one in rows[LENGTHS])])
        if length.size != len(edges):
            raise BadInput(f"microstructure {name}: {length.size} boundary lengths, but {len(edges)} neighbours")
        order = np.lexsort((edges[:, 1], edges[:, 0]))
        names.append(str(name))
        ids.append(grain)
        x = rows[columns].to_numpy(float)
        parts.append({"x": x, "candidate": candidate, "edges": edges[order], "edge_x": length[order, None]})
    return names, parts, ids


def _table(parts: list[dict], columns: list[str]) -> FeatureTable:
    """A feature table without growth, in the order given."""
    unknown = [{"name": f"{i:09d}", "growth_ratio": np.zeros((0, len(one["x"])))} for i, one in enumerate(parts)]
    return assemble(columns, [{**one, **given} for one, given in zip(parts, unknown, strict=True)])
