"""Node features of grain graphs; a feature set names some of these, in order.

The first seven are those of Cohn & Holm (arXiv 2110.09326): grain type, degree, area, perimeter, equivalent
diameter, and the axis lengths of the ellipse of equal second moments. Areas are in sites, lengths in lattice spacings.
"""

from collections.abc import Sequence

import numpy as np

from graincast.features.regionprops import measure
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY, Microstructure

TYPE_VALUE = {CANDIDATE: 1.0, LOW_MOBILITY: 0.5, HIGH_MOBILITY: 0.0}
SHAPE = ("area", "perimeter", "equivalent_diameter", "major_axis_length", "minor_axis_length")


def features(microstructure: Microstructure, columns: Sequence[str]) -> np.ndarray:
    """The named features of each grain, float64 [grains, columns]. Raises KeyError for an unknown name."""
    n = microstructure.grain_id.size
    values = {
        "type": np.select([microstructure.grain_type == kind for kind in TYPE_VALUE], list(TYPE_VALUE.values())),
        "degree": microstructure.degree.astype(float),
        "red_area": np.where(microstructure.grain_type == HIGH_MOBILITY, microstructure.areas[0][0], 0.0),
    }
    if set(columns) & set(SHAPE):
        values |= measure(microstructure.labels, n)
    return np.stack([values[column] for column in columns], axis=1).reshape(n, len(columns))
