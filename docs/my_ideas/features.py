"""A node feature of my own: how large are a grain's neighbours?"""

import numpy as np

from graincast.features.feature import Feature, Measured


def neighbour_area(measured: Measured) -> np.ndarray:
    """The mean area of each grain's neighbours, float64 [n]; 0 for a grain without any."""
    one = measured.microstructure
    source, target = one.edges.T
    total = np.bincount(target, weights=one.areas[0][0][source], minlength=one.grain_id.size)
    return total / np.maximum(1, np.bincount(target, minlength=one.grain_id.size))


NODE_FEATURES = {"neighbour_area": Feature(neighbour_area, "sites", "mean area of the neighbours")}
