"""Predictions of a served model for the rows of a data frame.

The frame has one of two forms:

    raw     a column `path`: DeepSPPARKS JSON files or SPPARKS run folders; subgraphs and features are computed here
    grains  one row per grain: microstructure (text), grain (its number), candidate (bool), neighbours (list of
            numbers), boundary_length (list, in the order of the neighbours; for models with edge features), features

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
    """Predictions, one row per microstructure, or per grain if the model predicts all grains.

    about   model, columns, kind (of target), grains (candidate or all), recipe (hops and feature columns, or None)
    models  the parameters of each fold
    Returns the columns microstructure, grain (for all grains) and OUTPUT[kind].
    Raises BadInput for a frame of neither form.
    """
    if "path" in frame and frame["path"].notna().all():
        names = [str(path) for path in frame["path"]]
        graphs, grain_ids = _read_raw(names, about["recipe"])
    else:
        names, graphs, grain_ids = _group_rows(frame, about["columns"])
    table = _table(graphs, about["columns"])
    module = by_name.load(about["model"])
    values = np.mean([module.predict(model, table) for model in models.values()], axis=0)
    if about["grains"] == "all":
        owners = np.repeat(names, np.diff(table.node_ptr))
        columns = {"microstructure": owners, "grain": np.concatenate(grain_ids), OUTPUT[about["kind"]]: values}
    else:
        columns = {"microstructure": names, OUTPUT[about["kind"]]: values}
    return pd.DataFrame(columns)


def _read_raw(paths: list[str], recipe: dict | None) -> tuple[list[dict], list[np.ndarray]]:
    """Graphs for `assemble`, read from raw files, and the grain ids of each."""
    if not recipe:
        raise BadInput("path: this model cannot read raw files; pass one row per grain with its features")
    columns = recipe["features"]["columns"]
    graphs, grain_ids = [], []
    for path in paths:
        read = spparks.read if Path(path).is_dir() else deepspparks.read
        try:
            microstructure = k_hop_subgraph(read(Path(path), path), recipe["hops"])
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        graphs.append(_graph(microstructure, columns))
        grain_ids.append(microstructure.grain_id)
    return graphs, grain_ids


def _graph(microstructure: Microstructure, columns: list[str]) -> dict:
    return {
        "x": features(microstructure, columns),
        "candidate": microstructure.candidate,
        "edges": microstructure.edges,
        "edge_x": microstructure.boundary_length[:, None].astype(float),
    }


def _group_rows(frame: pd.DataFrame, columns: list[str]) -> tuple[list[str], list[dict], list[np.ndarray]]:
    """Names, graphs for `assemble` and grain ids of the microstructures, in order of first appearance."""
    missing = [name for name in (*GRAINS, *columns) if name not in frame]
    if missing:
        expected = f"a column path, or {', '.join(GRAINS)} and features"
        raise BadInput(f"the column {missing[0]} is missing; pass {expected}")
    names, graphs, grain_ids = [], [], []
    for name, rows in frame.groupby("microstructure", sort=False):
        grains = rows["grain"].to_numpy()
        index = {number: i for i, number in enumerate(grains.tolist())}
        neighbours = [np.asarray(numbers, dtype=np.int64) for numbers in rows["neighbours"]]
        try:
            targets = [index[number] for numbers in neighbours for number in numbers.tolist()]
        except KeyError as error:
            raise BadInput(f"microstructure {name}: neighbour {error} is not one of its grains") from None
        candidate = rows["candidate"].to_numpy(bool)
        if candidate.sum() != 1:
            raise BadInput(f"microstructure {name}: {candidate.sum()} candidate grains; mark exactly one")
        sources = np.repeat(np.arange(grains.size), [numbers.size for numbers in neighbours])
        edges = np.stack([sources, np.array(targets, np.int64)], axis=1).astype(np.int32)
        length = np.zeros(len(edges))
        if LENGTHS in rows and rows[LENGTHS].notna().all():
            length = np.concatenate([np.zeros(0), *(np.asarray(lengths, float) for lengths in rows[LENGTHS])])
        if length.size != len(edges):
            raise BadInput(f"microstructure {name}: {length.size} boundary lengths, but {len(edges)} neighbours")
        order = np.lexsort((edges[:, 1], edges[:, 0]))
        names.append(str(name))
        grain_ids.append(grains)
        x = rows[columns].to_numpy(float)
        graphs.append({"x": x, "candidate": candidate, "edges": edges[order], "edge_x": length[order, None]})
    return names, graphs, grain_ids


def _table(graphs: list[dict], columns: list[str]) -> FeatureTable:
    """A feature table without growth runs, its rows in the order of the graphs."""
    rows = [
        {**graph, "name": f"{i:09d}", "growth_ratio": np.zeros((0, len(graph["x"])))} for i, graph in enumerate(graphs)
    ]
    return assemble(columns, rows)
