"""Maps in DREAM.3D files of versions 6.x, 6.5 and NX. Without grain ids, orientations of sites are segmented."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graincast.graphs.from_labels import from_labels
from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.graphs.segmentation import mean_orientations, segmented
from graincast.microstructure import BadInput, GrainTable, Microstructure
from graincast.raw.dream3d_arrays import MapArrays, arrays_of

CRYSTAL_STRUCTURES = ("6/mmm", "m-3m", "6/m", "m-3", "-1", "2/m", "mmm", "4/m", "4/mmm", "-3", "-3m")
"""The Laue group of each number in CrystalStructures (EbsdLib's EbsdConstants.h); 999 is an unknown one."""


def read(
    path: Path,
    name: str,
    arrays: Mapping[str, str | None] | None = None,
    laue: str | None = None,
    misorientation: float = 5,
    min_size: int = 5,
    periodic: Sequence[bool] = (False, False),
    spacing: float | None = None,
    slice: Mapping[str, Any] | None = None,
) -> Microstructure:
    """The map of a DREAM.3D file, without growth runs, types or candidate.

    arrays          paths in the file by role; None: found
    laue            Laue group of all phases; None: as the file says
    misorientation  largest between neighbouring sites of one grain, degrees, where the file has no grain ids
    min_size        fewest sites of a grain, likewise
    periodic        whether sites at one end of each axis touch those at the other
    spacing         distance of neighbouring sites, µm; None: as the file says
    slice           the plane of a map in three dimensions
    Raises BadInput for any other content.
    """
    named = {role: one for role, one in (arrays or {}).items() if one is not None}
    found = arrays_of(path, named, slice, spacing)
    groups = _laue_groups(found, laue)
    axes = (bool(periodic[0]), bool(periodic[1]))
    labels = found.labels
    if labels is None:
        assert found.orientation is not None
        phase = np.ones(found.orientation.shape[:2], int) if found.phase is None else found.phase
        unknown = np.setdiff1d(phase, [0, *groups])
        if unknown.size:
            raise BadInput(
                f"no crystal structure for phase {unknown[0]}, without which nothing is segmented; give laue"
            )
        labels = segmented(found.orientation, phase, groups, misorientation, min_size, axes)
        if not labels.any():
            raise BadInput(
                f"no grain of {min_size} sites within {misorientation:g} degrees; correct min_size, misorientation"
            )

    def grains(ids: np.ndarray) -> GrainTable:
        return _grain_table(found, labels, ids, groups)

    return from_labels(name, labels, axes, found.spacing, grains)


def _laue_groups(found: MapArrays, laue: str | None) -> dict[int, int]:
    """The Laue group of each phase that has a known one."""
    phases = np.array([1]) if found.phase is None else np.unique(found.phase)
    if phases[0] < 0:
        raise BadInput(f"Phases holds {phases[0]}; phases start from 0, which is none")
    numbers = [number for number in phases.tolist() if number > 0]
    if laue is not None:
        return dict.fromkeys(numbers, LAUE_GROUPS.index(laue))
    if found.structures is None:
        return {}
    if numbers and numbers[-1] >= found.structures.size:
        raise BadInput(f"phase {numbers[-1]} is not one of the {found.structures.size - 1} of CrystalStructures")
    codes = {number: int(found.structures[number]) for number in numbers}
    return {
        number: LAUE_GROUPS.index(CRYSTAL_STRUCTURES[code])
        for number, code in codes.items()
        if 0 <= code < len(CRYSTAL_STRUCTURES)
    }


def _grain_table(found: MapArrays, labels: np.ndarray, ids: np.ndarray, groups: Mapping[int, int]) -> GrainTable:
    index = np.where(labels > 0, np.searchsorted(ids, labels) + 1, 0)
    phase = found.phase
    if phase is not None:
        phase = (phase[ids] if phase.ndim == 1 else _most_frequent(phase, index, ids.size)).astype(np.int32)
    of = np.ones(ids.size, int) if phase is None else phase
    laue = np.array([groups.get(number, -1) for number in of.tolist()], np.int8)
    orientation = found.orientation
    if orientation is not None and orientation.ndim == 2:
        orientation = orientation[ids]
    elif orientation is not None:
        known = np.concatenate([[False], laue >= 0])  # without its symmetry, equivalent orientations have no mean
        orientation = mean_orientations(orientation, np.where(known[index], index, 0), laue)
    if orientation is not None and np.isnan(orientation).all():
        orientation = None
    columns = {name: values[ids] for name, values in found.columns.items()}
    return GrainTable(orientation, phase, laue if groups else None, columns)


def _most_frequent(values: np.ndarray, index: np.ndarray, n: int) -> np.ndarray:
    """The most frequent value of each grain's sites, the smallest of equally frequent ones."""
    inside = index > 0
    pairs, count = np.unique(np.stack([index[inside], values[inside]], axis=1), axis=0, return_counts=True)
    pairs = pairs[np.lexsort((-pairs[:, 1], count, pairs[:, 0]))]
    found = np.zeros(n, values.dtype)
    found[pairs[:, 0] - 1] = pairs[:, 1]  # of repeated indices, the last counts
    return found
