"""Dataset paths in SPPARKS/meso's DREAM3D 6 files (HDF5), and the orientations that encode grain types."""

import numpy as np

VOLUME = "DataContainers/SyntheticVolume"
FEATURE_IDS = f"{VOLUME}/CellData/FeatureIds"
AVG_QUATS = f"{VOLUME}/CellFeatureData/AvgQuats"
DIMENSIONS = f"{VOLUME}/DIMENSIONS"

QUATERNIONS = np.array([[1, 0, 0, 0], [2, 1, 0, 0], [1, 1, 1, 0]], np.float64)
QUATERNIONS /= np.linalg.norm(QUATERNIONS, axis=1, keepdims=True)
QUATERNIONS = QUATERNIONS.astype(np.float32).astype(np.float64)  # rounded as by the meso tools
"""Orientation of each grain type, from which SPPARKS derives misorientations and mobilities."""

NO_TYPE = -1
TOLERANCE = 1e-3
"""Largest angle between equal orientations as vectors of four components, in radians."""


def grain_types(quaternions: np.ndarray) -> np.ndarray:
    """The grain type that each orientation encodes, int8 [n]; NO_TYPE where it is none of them.

    quaternions  float [n, 4], of any norm above 0; a quaternion and its negative are the same orientation
    """
    quaternions = quaternions.astype(np.float64)
    with np.errstate(all="ignore"):  # what has no finite norm matches nothing
        cosine = np.abs(quaternions @ QUATERNIONS.T)
        same = cosine.max(axis=1) > np.cos(TOLERANCE) * np.linalg.norm(quaternions, axis=1)
    return np.where(same, cosine.argmax(axis=1), NO_TYPE).astype(np.int8)
