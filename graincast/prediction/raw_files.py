"""Raw files as the tables that models take: subgraphs and features are computed as in training."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np

from graincast.features import named
from graincast.features.rows import row
from graincast.features.table import FeatureTable
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import BadInput
from graincast.prediction.frames import of_graphs
from graincast.raw.limits import content_errors
from graincast.raw.sources import SOURCES


def read(paths: Sequence[str], recipe: dict, extensions: Sequence[Path]) -> tuple[FeatureTable, list[np.ndarray]]:
    """The table of raw files and folders, one run of a source each, in their order, and the grain ids of each.

    recipe  hops, nodes and edges, as in training
    Raises BadInput, with the path, for a file that cannot be used.
    """
    tables = named.tables(extensions)
    graphs, grains = [], []
    for path in paths:
        try:
            reader = _reader(Path(path))
            with content_errors("unforeseen content"):
                microstructure = k_hop_subgraph(reader.read(Path(path), path), recipe["hops"])
            graphs.append(row(microstructure, recipe["nodes"], recipe["edges"], tables))
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        grains.append(microstructure.grain_id)
    return of_graphs(graphs, recipe["nodes"], recipe["edges"]), grains


def _reader(path: Path) -> ModuleType:
    """The reader of the source whose run a path is. Raises BadInput where it is that of none."""
    if not path.exists():
        raise BadInput("no such file or folder")
    for source in SOURCES.values():
        if source.reader and source.runs and source.runs(path) == [path]:
            return importlib.import_module(f"graincast.raw.{source.reader}")
    known = "; ".join(source.description for source in SOURCES.values() if source.reader and source.runs)
    raise BadInput(f"not a run of a known source ({known})")
