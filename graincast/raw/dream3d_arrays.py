"""The arrays of a map in a DREAM.3D file: 6.x (FileVersion 6), 6.5 (7) or DREAM3D-NX (8).

Arrays are found by their role, or named; those of sites are [z, y, x, components]:

    feature_ids         FeatureIds or GrainIds: the grain of each site; 0: none
    orientations        AvgQuats or AvgEulerAngles, [grains + 1, components]; else Quats or EulerAngles of the sites
    phases              Phases, of the grains or of the sites; 0: not indexed
    crystal_structures  CrystalStructures, [phases + 1]

Quaternions are x, y, z, w, Euler angles Bunge's in radians.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from graincast.graphs.orientations import from_euler
from graincast.microstructure import BadInput
from graincast.raw.plane import plane, spacing_in_plane
from graincast.raw.raw_hdf5 import dataset, datasets, load, present

FEATURE_IDS, ORIENTATIONS, PHASES, CRYSTALS = "feature_ids", "orientations", "phases", "crystal_structures"
UNITS = {5: 1e-3, 6: 1.0, 7: 1e3, 8: 1e4, 9: 1e5, 10: 1e6, 21: 1e-4}
"""µm in each of DREAM3D-NX's units that a map can have (simplnx's IGeometry.hpp): nm, µm, mm, cm, dm, m, Å."""
METRE, UNMEANT = 10, 1e-3
"""NX's unit of files that name none, and the distance of sites, m, from which on it is not meant, but µm."""
MAX_ANGLE = 13  # radians; EDAX writes 4π for what it could not index


@dataclass(frozen=True)
class MapArrays:
    """Arrays of a plane's sites [height, width], and of grains by id.

    labels        int, or None where there are no grain ids
    orientation   float [height, width, 4] or, by grain, [ids, 4]; None if there is none
    phase         int [height, width] or, by grain, [ids]; None if there is none
    structures    int [phases + 1] or None
    columns       float64 [ids]
    """

    labels: np.ndarray | None
    orientation: np.ndarray | None
    phase: np.ndarray | None
    structures: np.ndarray | None
    columns: dict[str, np.ndarray]
    spacing: float | None


def arrays_of(
    path: Path, named: Mapping[str, str], chosen: Mapping[str, Any] | None, spacing: float | None
) -> MapArrays:
    """The arrays of a file's map.

    named    paths of arrays by role, of those that are not to be found
    chosen   the plane of a map in three dimensions
    spacing  distance of neighbouring sites, µm; None: as the file says
    Raises BadInput where an array is absent, one of several, or of another form.
    """
    return load(path, lambda file, _: _arrays(file, named, chosen, spacing))


def _arrays(
    file: h5py.File, named: Mapping[str, str], chosen: Mapping[str, Any] | None, spacing: float | None
) -> MapArrays:
    root = _root(file)
    listed = datasets(file, root) if present(file, root) else []
    ids_path = _found(named, FEATURE_IDS, (listed, "FeatureIds", "GrainIds"))
    site_path = ids_path or _found(named, ORIENTATIONS, (listed, "Quats"), (listed, "EulerAngles"))
    if site_path is None:
        raise BadInput("neither FeatureIds nor Quats or EulerAngles of sites; name an array by arrays")
    cells = _parent(site_path)
    container = _parent(cells)
    shape = _sites(file, site_path, 1 if ids_path else None)
    at = plane(shape, chosen)
    spacing = _spacing(file, container, shape, at, spacing)

    def site_values(one: str, kinds: str, components: int | None = 1) -> np.ndarray:
        found = dataset(file, one, kinds)
        if _sites(file, one, components) != shape:
            raise BadInput(f"{one} has the shape {[*found.shape]}, not that of {' x '.join(map(str, shape))} sites")
        return found[()].reshape(*shape, -1)[at]

    labels = site_values(ids_path, "iu")[..., 0] if ids_path else None
    last = 0 if labels is None else int(labels.max())
    inside = [one for one in listed if one.startswith(f"{container}/")]
    by_site = [one for one in inside if _parent(one) == cells]
    by_grain = [one for one in inside if ids_path and _parent(one) != cells and len(file[one].shape or ()) == 2]

    def values(one: str, kinds: str, components: int | None) -> np.ndarray:
        of_grains = ids_path and _parent(one) != cells and len(dataset(file, one, kinds).shape) < 3
        return _of_grains(file, one, kinds, last) if of_grains else site_values(one, kinds, components)

    of_sites = ((by_site, "Quats"), (by_site, "EulerAngles"))
    orientations = _found(named, ORIENTATIONS, (by_grain, "AvgQuats"), (by_grain, "AvgEulerAngles"), *of_sites)
    phases = _found(named, PHASES, (by_grain, "Phases"), (by_site, "Phases"))
    structures = _found(named, CRYSTALS, (inside, "CrystalStructures"), (listed, "CrystalStructures"))
    return MapArrays(
        labels=labels,
        orientation=_quaternions(values(orientations, "f", None), orientations) if orientations else None,
        phase=values(phases, "iu", 1)[..., 0] if phases else None,
        structures=dataset(file, structures, "iu")[()].ravel() if structures else None,
        columns=_columns(file, by_grain, last),
        spacing=spacing,
    )


def _root(file: h5py.File) -> str:
    """The group that holds the data. Raises BadInput for a version that is not known."""
    version = file.attrs.get("FileVersion")
    if version is None:
        return "DataStructure" if present(file, "DataStructure") else "DataContainers"
    text = (version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)).rstrip("\0")
    major = text.partition(".")[0]
    if major not in ("6", "7", "8"):
        raise BadInput(f"DREAM.3D file version {text[:20]!r}, not 6, 7 or 8; save the file with DREAM.3D 6.5 or NX")
    return "DataStructure" if major == "8" else "DataContainers"


def _found(named: Mapping[str, str], role: str, *places: tuple[Any, ...]) -> str | None:
    """The path of a role: the named one, or the one with a fitting name in the first of the places that has any.

    places  (paths, name, …)
    Raises BadInput where several fit.
    """
    if role in named:
        return named[role].strip("/")
    for paths, *names in places:
        fits = [one for one in paths if one.rpartition("/")[2] in names]
        if len(fits) > 1:
            shown = ", ".join(fits[:6]) + (", …" if len(fits) > 6 else "")
            raise BadInput(f"{len(fits)} arrays can be the {role}: {shown}; name one by arrays.{role}")
        if fits:
            return fits[0]
    return None


def _parent(path: str) -> str:
    return path.strip("/").rpartition("/")[0]


def _sites(file: h5py.File, path: str, components: int | None) -> tuple[int, ...]:
    """Sites along z, y and x of an array of sites; components: None for quaternions or Euler angles."""
    shape = tuple(dataset(file, path, "fiu").shape)
    able = (3, 4) if components is None else (components,)
    if len(shape) == 4 and shape[3] in able:
        return shape[:3]
    if components == 1 and len(shape) in (2, 3):
        return (1,) * (3 - len(shape)) + shape
    if components is None and len(shape) == 3 and shape[2] in able:
        return (1, *shape[:2])
    raise BadInput(f"{path} has the shape {[*shape]}, not [z, y, x, {' or '.join(map(str, able))}]")


def _of_grains(file: h5py.File, path: str, kinds: str, last: int) -> np.ndarray:
    """The rows of an array of grains, up to the last grain id."""
    found = dataset(file, path, kinds)
    if len(found.shape) not in (1, 2) or found.shape[0] <= last:
        raise BadInput(f"{path} has the shape {[*found.shape]}, but grain ids go up to {last}")
    return found[: last + 1].reshape(last + 1, -1)


def _columns(file: h5py.File, by_grain: Sequence[str], last: int) -> dict[str, np.ndarray]:
    """All single numbers of grains, by name, of the group whose arrays have one row per grain id; {} if several do."""
    fits = [one for one in by_grain if file[one].shape == (last + 1, 1) and file[one].dtype.kind in "fiub"]
    if len({_parent(one) for one in fits}) != 1:
        return {}
    return {one.rpartition("/")[2]: dataset(file, one, "fiub")[:, 0].astype(np.float64) for one in fits}


def _spacing(
    file: h5py.File, container: str, shape: tuple[int, ...], at: Sequence[int | slice], given: float | None
) -> float | None:
    """The distance of neighbouring sites of a plane, µm; None if neither the configuration nor the file says.

    Raises BadInput where the geometry is not that of the sites, or they are not square.
    """
    dimensions, spacing, unit = _geometry(file, container) if container else (None, None, None)
    if dimensions is not None:
        sizes = [size for size in dimensions.tolist() if size != 1]
        if [size for size in shape if size != 1] not in (sizes, sizes[::-1]):
            shown = " x ".join(map(str, shape))
            raise BadInput(f"DIMENSIONS {dimensions.tolist()} do not fit the {shown} sites (z, y, x)")
    if spacing is None:
        return given
    if spacing.size != 3:
        raise BadInput(f"SPACING has {spacing.size} entries, not 3")
    along = [float(str(one)) for one in spacing[::-1]]  # 0.35, not 0.3499999940395355
    factor = _micrometres(unit, min(along))
    if factor is None and given is None:
        raise BadInput(f"spacing in DREAM3D-NX's unit {unit}, which no map has; give spacing in µm")
    return spacing_in_plane([one * (factor or 1) for one in along], at, given)


def _geometry(file: h5py.File, container: str) -> tuple[np.ndarray | None, np.ndarray | None, int | None]:
    """DIMENSIONS and SPACING along x, y and z, and NX's number of the unit, of those that are there."""
    held = file[container].attrs
    if "_DIMENSIONS" in held and "_SPACING" in held:
        unit = int(np.ravel(held["Units"])[0]) if "Units" in held else None
        return np.ravel(held["_DIMENSIONS"]), np.ravel(held["_SPACING"]), unit
    within = f"{container}/_SIMPL_GEOMETRY"
    if present(file, within):
        kind = file[within].attrs.get("GeometryTypeName", b"ImageGeometry")
        if kind not in (b"ImageGeometry", "ImageGeometry"):
            raise BadInput(f"the geometry of {container} is no grid of sites; name arrays of one that is by arrays")
    else:
        within = container
    read = [
        np.ravel(dataset(file, f"{within}/{name}", kinds)[()]) if present(file, f"{within}/{name}") else None
        for name, kinds in (("DIMENSIONS", "iu"), ("SPACING", "f"))
    ]
    return read[0], read[1], None


def _micrometres(unit: int | None, smallest: float) -> float | None:
    """µm in a unit of DREAM3D-NX; 1 where the file names none, None for a unit that no map has."""
    if unit is None or unit >= 100 or (unit == METRE and smallest >= UNMEANT):  # 100, 101: unspecified, unknown
        return 1.0
    return UNITS.get(unit)


def _quaternions(values: np.ndarray, path: str) -> np.ndarray:
    """Quaternions float64 [..., 4] from such, or from Euler angles in radians; NaN where there is no orientation."""
    values = values.astype(np.float64)
    if values.shape[-1] == 4:
        with np.errstate(all="ignore"):
            values /= np.linalg.norm(values, axis=-1, keepdims=True)
        return np.where(np.isfinite(values).all(axis=-1, keepdims=True), values, np.nan)
    if values.shape[-1] != 3:
        raise BadInput(f"{path} has {values.shape[-1]} components, neither quaternions nor Euler angles")
    angles = np.abs(values[np.isfinite(values)])
    if angles.max(initial=0) > MAX_ANGLE:
        raise BadInput(f"{path} holds the angle {angles.max():g}, which is not in radians")
    return from_euler(values)
