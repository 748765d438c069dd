"""Node features of grain graphs: one entry per feature. A feature set names some of them, in order.

Areas are in sites, lengths in lattice spacings. The first seven are those of Cohn & Holm (arXiv 2110.09326). Those
named relative_… are divided by the map's mean grain area, or by its square root, so they mean the same on maps of
coarse and of fine grains.
"""

import numpy as np

from graincast.features.coarse_growth import COARSE_FEATURES
from graincast.features.feature import Feature, Measured
from graincast.features.shells import SHELL_FEATURES
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY

TYPE_VALUE = {CANDIDATE: 1.0, LOW_MOBILITY: 0.5, HIGH_MOBILITY: 0.0}


def grain_type(measured: Measured) -> np.ndarray:
    """The number that stands for each grain's type."""
    kinds = measured.microstructure.grain_type
    return np.select([kinds == kind for kind in TYPE_VALUE], list(TYPE_VALUE.values()))


def degree(measured: Measured) -> np.ndarray:
    """The number of neighbours of each grain."""
    return measured.microstructure.degree.astype(float)


def red_area(measured: Measured) -> np.ndarray:
    """The area of each grain of high mobility; 0 for all others."""
    one = measured.microstructure
    return np.where(one.grain_type == HIGH_MOBILITY, one.area, 0.0)


def relative(measured: Measured, shape: str, dimension: int) -> np.ndarray:
    """A measure of shape over the mean grain area to the power of dimension / 2: 1 for lengths, 2 for areas."""
    return measured.shapes[shape] / measured.microstructure.mean_area ** (dimension / 2)


NODE_FEATURES = {
    "type": Feature(grain_type, "", "1 for the candidate grain, 0.5 for low and 0 for high mobility"),
    "degree": Feature(degree, "", "number of neighbouring grains, before any cut by hops"),
    "area": Feature(lambda m: m.shapes["area"], "sites", "number of sites"),
    "perimeter": Feature(
        lambda m: m.shapes["perimeter"], "lattice spacings", "length of the outline (scikit-image's perimeter)"
    ),
    "equivalent_diameter": Feature(
        lambda m: m.shapes["equivalent_diameter"],
        "lattice spacings",
        "diameter of the circle of equal area, √(4 area / π)",
    ),
    "major_axis_length": Feature(
        lambda m: m.shapes["major_axis_length"],
        "lattice spacings",
        "longer axis of the ellipse of equal second moments",
    ),
    "minor_axis_length": Feature(
        lambda m: m.shapes["minor_axis_length"],
        "lattice spacings",
        "shorter axis of the ellipse of equal second moments",
    ),
    "red_area": Feature(red_area, "sites", "area of a grain of high mobility; 0 for all others"),
    "relative_area": Feature(lambda m: relative(m, "area", 2), "", "area / mean grain area of the map"),
    "relative_perimeter": Feature(
        lambda m: relative(m, "perimeter", 1), "", "perimeter / √(mean grain area of the map)"
    ),
    "relative_equivalent_diameter": Feature(
        lambda m: relative(m, "equivalent_diameter", 1), "", "equivalent_diameter / √(mean grain area of the map)"
    ),
    "relative_major_axis_length": Feature(
        lambda m: relative(m, "major_axis_length", 1), "", "major_axis_length / √(mean grain area of the map)"
    ),
    "relative_minor_axis_length": Feature(
        lambda m: relative(m, "minor_axis_length", 1), "", "minor_axis_length / √(mean grain area of the map)"
    ),
    "relative_red_area": Feature(
        lambda m: red_area(m) / m.microstructure.mean_area, "", "red_area / mean grain area of the map"
    ),
    **SHELL_FEATURES,
    **COARSE_FEATURES,
}
