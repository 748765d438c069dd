"""Writing SPPARKS/meso run folders, as the meso tools do."""

from pathlib import Path

import h5py
import numpy as np

from graincast.files import hdf5
from graincast.raw.dream3d import AVG_QUATS, DIMENSIONS, FEATURE_IDS, QUATERNIONS, grain_types


def write_initial(path: Path, labels: np.ndarray, grain_type: np.ndarray, red_fraction: float) -> None:
    """Write an initial state as the meso tools do.

    labels      int [L, L], grain ids 1 … n
    grain_type  int [n + 1] by grain id, entry 0 unused
    """
    labels, grain_type = np.asarray(labels), np.asarray(grain_type)
    if labels.ndim != 2 or labels.min() < 1 or labels.max() != grain_type.size - 1:
        raise ValueError(f"labels must be an image of ids 1 to {grain_type.size - 1}, the last grain type")
    quaternions = QUATERNIONS[grain_type]
    quaternions[0] = 0
    with hdf5.written(path) as file:
        file.attrs["FileVersion"] = np.bytes_("6.0")
        file.attrs["redprob"] = np.float64(red_fraction)
        file[FEATURE_IDS] = labels.astype(np.int64)
        file[AVG_QUATS] = quaternions
        file[DIMENSIONS] = np.array(labels.shape, np.int64)


def reread_initial(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The labels, int32 [L, L], and grain types, int8 [n + 1], entry 0 unused (0), that `write_initial` wrote."""
    with h5py.File(path) as file:
        labels, quaternions = file[FEATURE_IDS][()].astype(np.int32), file[AVG_QUATS][()]
    grain_type = grain_types(quaternions)
    grain_type[0] = 0
    return labels, grain_type


def write_stats(path: Path, times: np.ndarray, areas: np.ndarray) -> None:
    """Write a growth run as the meso tools do.

    times  float [records], Monte Carlo steps
    areas  int [records, n + 1] by grain id, column 0 zero
    """
    times, areas = np.asarray(times, np.float64), np.asarray(areas)
    if areas.ndim != 2 or times.shape != areas.shape[:1] or areas[:, 0].any():
        raise ValueError(f"times {times.shape} do not match areas {areas.shape}, or their column 0 is not zero")
    with hdf5.written(path) as file:
        file["grainsize"] = areas.astype(np.int32)
        file["time"] = times
