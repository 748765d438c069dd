"""Edge features of grain graphs: one entry per feature. A feature set names some of them, in order."""

from graincast.features.feature import Feature

EDGE_FEATURES = {
    "boundary_length": Feature(
        lambda m: m.microstructure.boundary_length,
        "pairs of sites",
        "unlike pairs of first- and second-neighbour sites along the boundary",
    ),
}
