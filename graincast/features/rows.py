"""Rows of a feature table, one per microstructure."""

from collections.abc import Sequence

from graincast.features.edges import EDGE_FEATURES
from graincast.features.feature import BOUNDARY_LENGTH, Measured
from graincast.features.named import Features, measured
from graincast.features.nodes import NODE_FEATURES
from graincast.microstructure import Microstructure


def row(
    microstructure: Microstructure,
    nodes: Sequence[str],
    edges: Sequence[str] = (BOUNDARY_LENGTH,),
    tables: tuple[Features, Features] = (NODE_FEATURES, EDGE_FEATURES),
    of_map: Measured | None = None,
) -> dict:
    """A microstructure's entry in a feature table, as `table.assemble` takes it.

    nodes, edges  names of its features, in order
    tables        node features and edge features by name
    of_map        the measured map that it is a candidate's part of
    Raises BadInput for an unknown name.
    """
    of = Measured(microstructure, of_map)
    return {
        "name": microstructure.name,
        "group": microstructure.group,
        "spacing": microstructure.spacing,
        "x": measured(tables[0], nodes, of, microstructure.grain_id.size),
        "candidate": microstructure.candidate,
        "edges": microstructure.edges,
        "edge_x": measured(tables[1], edges, of, len(microstructure.edges)),
        "growth_ratio": microstructure.growth_ratios,
    }
