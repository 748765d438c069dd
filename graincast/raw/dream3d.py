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
