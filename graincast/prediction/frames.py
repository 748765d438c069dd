"""Data frames as the tables that models take.

grains  one row per grain: microstructure (text), grain (its number), candidate (bool), neighbours (list of
        numbers), node features and, where the model uses them, each edge feature as a list in the order of the
        neighbours
images  one row per image: microstructure (text) and, for each column of features, a list of numbers
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from graincast.features import table
from graincast.features.table import FeatureTable
from graincast.microstructure import BadInput
from graincast.prediction.columns import GRAINS, length
from graincast.vision.table import VisionTable


def of_graphs(graphs: Sequence[dict], nodes: Sequence[str], edges: Sequence[str]) -> FeatureTable:
    """A feature table without growth runs, in the order of the graphs, which are as `table.assemble` takes them."""
    rows = [
        {**graph, "name": f"{i:09d}", "growth_ratio": np.zeros((0, len(graph["x"])))} for i, graph in enumerate(graphs)
    ]
    return table.assemble(list(nodes), rows, edges)


def of_grains(
    frame: pd.DataFrame, nodes: Sequence[str], edges: Sequence[str]
) -> tuple[list[str], FeatureTable, list[np.ndarray]]:
    """Names of the microstructures, in order of first appearance, their table, and the grain numbers of each.

    Raises BadInput for a missing column or value, a number that is not finite, or grains that contradict each other.
    """
    missing = [name for name in (*GRAINS, *nodes, *edges) if name not in frame]
    if missing:
        expected = f"a column path, or {', '.join(GRAINS)} and features"
        raise BadInput(f"the column {missing[0]} is missing; pass {expected}")
    for name in GRAINS:
        if frame[name].isna().any():
            raise BadInput(f"the column {name} lacks values; pass all of them for each grain")
    names, graphs, grains = [], [], []
    for name, rows in frame.groupby("microstructure", sort=False):
        graph, numbers = _graph(f"microstructure {name}", rows, nodes, edges)
        names.append(str(name))
        graphs.append(graph)
        grains.append(numbers)
    if not graphs:
        raise BadInput("the frame has no rows; pass one row per grain")
    return names, of_graphs(graphs, nodes, edges), grains


def of_images(frame: pd.DataFrame, columns: Sequence[str], network: str) -> tuple[list[str], VisionTable]:
    """Names of the images, and their table. Raises BadInput for a missing column or unequal lengths."""
    for name in ("microstructure", *columns):
        if name not in frame:
            raise BadInput(f"the column {name} is missing; pass one row per image with the features of {network}")
    if not len(frame):
        raise BadInput("the frame has no rows; pass one row per image")
    names = [str(name) for name in frame["microstructure"]]
    (column,) = columns
    lists = _lists(f"the column {column}", frame[column], np.float32)
    if any(values.size != length(column) for values in lists):
        raise BadInput(f"the column {column}: needs a list of {length(column)} numbers in each row")
    x = np.stack(lists)
    return names, VisionTable(name=names, group=names, network=network, x=x)


def _graph(where: str, rows: pd.DataFrame, nodes: Sequence[str], edges: Sequence[str]) -> tuple[dict, np.ndarray]:
    grains = rows["grain"].to_numpy()
    index = {number: i for i, number in enumerate(grains.tolist())}
    if len(index) < len(grains):
        raise BadInput(f"{where}: a grain has two rows; pass one row per grain")
    neighbours = _lists(f"{where}: column neighbours", rows["neighbours"], np.int64)
    try:
        targets = [index[number] for numbers in neighbours for number in numbers.tolist()]
    except KeyError as error:
        raise BadInput(f"{where}: neighbour {error} is not one of its grains") from None
    if rows["candidate"].map(type).isin([str]).any():
        raise BadInput(f"{where}: column candidate: holds text, not true or false")
    candidate = rows["candidate"].to_numpy(bool)
    if candidate.sum() != 1:
        raise BadInput(f"{where}: {candidate.sum()} candidate grains; mark exactly one")
    sources = np.repeat(np.arange(grains.size), [numbers.size for numbers in neighbours])
    pairs = np.stack([sources, np.array(targets, np.int64)], axis=1).astype(np.int32)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    _check_contacts(where, pairs, grains)
    lists = [_edge_feature(where, rows, name, len(pairs)) for name in edges]
    edge_x = np.stack(lists, axis=1) if lists else np.zeros((len(pairs), 0))
    x = _numbers(where, rows, nodes)
    return {"x": x, "candidate": candidate, "edges": pairs[order], "edge_x": edge_x[order]}, grains


def _numbers(where: str, rows: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Columns of finite numbers, float64 [rows, columns]."""
    for column in columns:
        try:
            finite = np.isfinite(rows[column].to_numpy(float)).all()
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise BadInput(f"{where}: column {column}: not all values are finite numbers")
    return rows[list(columns)].to_numpy(float)


def _edge_feature(where: str, rows: pd.DataFrame, name: str, count: int) -> np.ndarray:
    """The values of a feature of all directed edges, float64 [count]."""
    values = np.concatenate([np.zeros(0), *_lists(f"{where}: column {name}", rows[name], np.float64)])
    if values.size != count:
        raise BadInput(f"{where}: {values.size} values of {name}, but {count} neighbours")
    return values


def _lists(where: str, column: pd.Series, kind: type) -> list[np.ndarray]:
    """A column of lists of finite numbers, one array each. Raises BadInput for anything else."""
    try:
        given = [np.asarray(value, float) for value in column]
        whole = all(values.ndim == 1 and np.isfinite(values).all() for values in given)
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise BadInput(f"{where}: needs a list of finite numbers in each row")
    return [values.astype(kind) for values in given]


def _check_contacts(where: str, pairs: np.ndarray, grains: np.ndarray) -> None:
    """Raise BadInput unless each pair of grains in contact is listed once from either side."""
    listed = Counter(map(tuple, pairs.tolist()))
    for (a, b), times in listed.items():
        if a == b or times > 1 or (b, a) not in listed:
            first, second = grains[a], grains[b]
            raise BadInput(f"{where}: grains {first} and {second}: must be each other's neighbours, each listed once")
