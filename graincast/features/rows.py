"""Rows of a feature table, one per microstructure."""

from collections.abc import Sequence

from graincast.features.nodes import features
from graincast.microstructure import Microstructure


def row(microstructure: Microstructure, columns: Sequence[str]) -> dict:
    """A microstructure's entry in a feature table, as `table.assemble` takes it."""
    return {
        "name": microstructure.name,
        "group": microstructure.group,
        "x": features(microstructure, columns),
        "candidate": microstructure.candidate,
        "edges": microstructure.edges,
        "edge_x": microstructure.boundary_length[:, None].astype(float),
        "growth_ratio": microstructure.growth_ratios,
    }
