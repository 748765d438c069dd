"""What a microstructure contributes to a feature table."""

from collections.abc import Sequence

from graincast.features.nodes import features
from graincast.microstructure import Microstructure


def row(one: Microstructure, columns: Sequence[str]) -> dict:
    """The features of a microstructure, as graincast/features/table.py assembles them."""
    return {
        "name": one.name,
        "x": features(one, columns),
        "candidate": one.candidate,
        "edges": one.edges,
        "edge_x": one.boundary_length[:, None].astype(float),
        "growth_ratio": one.growth_ratios,
    }
