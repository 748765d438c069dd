"""Raw files as the tables that models take: subgraphs and features are computed as in training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graincast.features import named
from graincast.features.rows import row
from graincast.features.table import FeatureTable
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import BadInput
from graincast.prediction.frames import of_graphs
from graincast.raw import deepspparks, spparks
from graincast.raw.limits import content_errors


def read(paths: Sequence[str], recipe: dict, extensions: Sequence[Path]) -> tuple[FeatureTable, list[np.ndarray]]:
    """The table of DeepSPPARKS JSON files or SPPARKS run folders, in their order, and the grain ids of each.

    recipe  hops, nodes and edges, as in training
    Raises BadInput, with the path, for a file that cannot be used.
    """
    tables = named.tables(extensions)
    graphs, grains = [], []
    for path in paths:
        read_one = spparks.read if Path(path).is_dir() else deepspparks.read
        try:
            with content_errors("unforeseen content"):
                microstructure = k_hop_subgraph(read_one(Path(path), path), recipe["hops"])
            graphs.append(row(microstructure, recipe["nodes"], recipe["edges"], tables))
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None
        grains.append(microstructure.grain_id)
    return of_graphs(graphs, recipe["nodes"], recipe["edges"]), grains
