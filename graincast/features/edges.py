"""Edge features of grain graphs: one entry per feature. A feature set names some of them, in order."""

import math

from graincast.features.feature import Feature

EDGE_FEATURES = {
    "boundary_length": Feature(
        lambda m: m.microstructure.boundary_length,
        "pairs of sites",
        "unlike pairs of first- and second-neighbour sites along the boundary",
    ),
    "relative_boundary_length": Feature(
        lambda m: m.microstructure.boundary_length / math.sqrt(m.microstructure.mean_area),
        "",
        "boundary_length / √(mean grain area of the map)",
    ),
}
