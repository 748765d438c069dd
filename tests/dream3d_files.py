"""Writes maps as DREAM.3D files in the layouts of versions 6.x, 6.5 and NX."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

CELLS, GRAINS, PHASE_DATA = "Cell Data", "Grain Data", "Phase Data"
CONTAINER = {6: "DataContainers/Map", 7: "DataContainers/Map", 8: "DataStructure/Map"}


def write_map(
    path: Path,
    version: int = 7,
    sites: dict[str, Any] | None = None,
    grains: dict[str, Any] | None = None,
    structures: Any = None,
    spacing: Any = (0.5, 0.5, 0.5),
    unit: int | None = 6,
) -> None:
    """Write a map.

    sites       arrays [z, y, x, components] by name
    grains      arrays [grains + 1, components] by name
    structures  CrystalStructures, [phases + 1]
    spacing     along x, y and z
    """
    shape = next(iter((sites or {}).values())).shape[:3]
    container = CONTAINER[version]
    with h5py.File(path, "w") as file:
        file.attrs["FileVersion"] = np.bytes_(f"{version}.0")
        for group, arrays in ((CELLS, sites), (GRAINS, grains)):
            for name, values in (arrays or {}).items():
                file[f"{container}/{group}/{name}"] = values
        if structures is not None:
            file[f"{container}/{PHASE_DATA}/CrystalStructures"] = np.array(structures, np.uint32)[:, None]
        dimensions = np.array(shape[::-1], np.int64)
        if version == 8:
            file[container].attrs["_DIMENSIONS"] = dimensions.astype(np.uint64)
            file[container].attrs["_SPACING"] = np.array(spacing, np.float32)
            if unit is not None:
                file[container].attrs["Units"] = np.array([unit], np.uint32)
            return
        geometry = f"{container}/_SIMPL_GEOMETRY" if version == 7 else container
        file[f"{geometry}/DIMENSIONS"] = dimensions
        file[f"{geometry}/SPACING"] = np.array(spacing, np.float32)
        if version == 7:
            file[geometry].attrs["GeometryTypeName"] = np.bytes_("ImageGeometry")
