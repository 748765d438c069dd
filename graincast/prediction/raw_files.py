"""Raw files as the tables that models take: subgraphs and features are computed as in training.

The `raw` recipe of a trained model says how: hops, nodes and edges (its features), and reading, the keys with which its
training data were read.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graincast.features import named
from graincast.features.feature import Measured
from graincast.features.named import Features
from graincast.features.rows import row
from graincast.features.table import FeatureTable
from graincast.graphs.k_hop_subgraph import hop_distance, k_hop_subgraph
from graincast.microstructure import BadInput, Microstructure
from graincast.prediction.frames import of_graphs
from graincast.raw import reading
from graincast.raw.sources import PLAIN, SOURCES


def read(
    paths: Sequence[str], recipe: Mapping[str, Any], extensions: Sequence[Path]
) -> tuple[list[str], FeatureTable, list[np.ndarray]]:
    """The candidates in raw files and folders, one run of a source each: names, table, and the grain ids of each.

    Raises BadInput, with the path, for a file that cannot be used.
    """
    tables = named.tables(extensions)
    names, rows, grains = [], [], []
    for path in paths:
        try:
            samples = reading.read(Path(path), path, _settings(Path(path), recipe["reading"]))
            graphs = subgraphs(samples, recipe["hops"])
            rows += rows_of(samples[0], graphs, recipe, tables)
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        names += [graph.name for graph in graphs]
        grains += [graph.grain_id for graph in graphs]
    return names, of_graphs(rows, recipe["nodes"], recipe["edges"]), grains


def subgraphs(samples: Sequence[Microstructure], hops: int | None) -> list[Microstructure]:
    """The k-hop subgraph of each sample. Raises BadInput where one was cut more tightly before."""
    for sample in samples:
        _check_hops(sample, hops)
    return [k_hop_subgraph(sample, hops) for sample in samples]


def rows_of(
    whole: Microstructure,
    graphs: Sequence[Microstructure],
    recipe: Mapping[str, Any],
    tables: tuple[Features, Features],
) -> list[dict]:
    """The rows of a feature table of the subgraphs of one map, whose shapes are measured once."""
    of_map = Measured(whole)
    return [row(graph, recipe["nodes"], recipe["edges"], tables, of_map) for graph in graphs]


def _check_hops(sample: Microstructure, hops: int | None) -> None:
    """Raise BadInput if neighbours are missing that the model was trained with."""
    n = sample.grain_id.size
    missing = sample.degree > np.bincount(sample.edges[:, 0], minlength=n)
    if not missing.any():
        return
    distance = hop_distance(sample.edges, n, np.flatnonzero(sample.candidate))
    if hops is None or (missing & (distance >= 0) & (distance < hops)).any():
        wanted = "whole microstructures" if hops is None else f"graphs of {hops} hops"
        raise BadInput(f"the graph was cut, but the model was trained on {wanted}; give it the microstructure uncut")


def _settings(path: Path, trained: Mapping[str, Any]) -> Mapping[str, Any]:
    """How to read a run: as the training data, or as the one source whose run it is. Raises BadInput for none."""
    if not path.exists():
        raise BadInput("no such file or folder")
    if _is_run(path, trained["source"]):
        return trained
    for name in PLAIN:
        if _is_run(path, name):
            return {**{key: value for key, value in trained.items() if key in SOURCES[name].keys}, "source": name}
    known = "; ".join(SOURCES[name].description for name in dict.fromkeys((trained["source"], *PLAIN)))
    raise BadInput(f"not a run of a source that this model reads ({known})")


def _is_run(path: Path, source: str) -> bool:
    runs = SOURCES[source].runs
    return runs is not None and runs(path) == [path]
