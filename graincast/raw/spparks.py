"""SPPARKS/meso run folders: an initial state (DREAM3D 6, HDF5) and the areas of its grains during growth runs.

Grain ids start at 1; row or column 0 of every table by id is unused. Unlike the meso tools, SPPARKS itself (potts/ori)
writes FeatureIds as int32 [L, L, 1, 1] and DIMENSIONS as [3].
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np

from graincast.graphs.boundaries import adjacency
from graincast.graphs.time_steps import ascending
from graincast.microstructure import CANDIDATE, BadInput, Microstructure
from graincast.raw.dream3d import AVG_QUATS, DIMENSIONS, FEATURE_IDS, NO_TYPE, VOLUME, grain_types
from graincast.raw.raw_hdf5 import dataset, load, present, read_chunks
from graincast.raw.sources import INITIAL, growth_run_names, run_files

MAX_EXACT = 2**53
"""The largest integer up to which float64 holds all of them."""


def read(
    run_folder: Path, name: str, periodic: Sequence[bool] = (True, True), spacing: float | None = None
) -> Microstructure:
    """The microstructure of a run folder with all its growth runs, which may be none.

    periodic  whether sites at one end of each axis touch those at the other
    spacing   distance of neighbouring sites, µm
    Raises BadInput for any other content.
    """
    files = run_files(run_folder)
    if not files or files[0].name != INITIAL:
        raise BadInput(f"no {INITIAL}")
    labels, grain_type = _read_initial(files[0])
    n = grain_type.size
    initial_areas = np.bincount(labels.ravel(), minlength=n + 1)
    times, areas = [], []
    for file in files[1:]:
        try:
            time, area = _read_stats(file, initial_areas)
        except BadInput as error:
            raise BadInput(f"growth run {file.parent.name}: {error}" if len(files) > 2 else str(error)) from None
        times.append(time)
        areas.append(area)
    axes = tuple(periodic)
    edges, length = adjacency(labels, n, axes)
    return Microstructure(
        name=name,
        group=name,
        labels=labels,
        grain_id=np.arange(1, n + 1, dtype=np.int32),
        grain_type=grain_type,
        candidate=grain_type == CANDIDATE,
        edges=edges,
        boundary_length=length,
        degree=np.bincount(edges[:, 0], minlength=n).astype(np.int32),
        runs=growth_run_names(run_folder, files[1:]),
        times=times,
        areas=areas,
        periodic=axes,
        spacing=spacing,
    )


def _read_initial(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """labels int32 [height, width] and grain_type int8 [n]."""
    dimensions, ids, quaternions = load(path, _load_initial)
    sides = [size for size in ids.shape if size != 1]
    if dimensions is not None and sorted(size for size in dimensions.ravel().tolist() if size != 1) != sorted(sides):
        shape = " x ".join(map(str, ids.shape))
        raise BadInput(f"DIMENSIONS {dimensions.tolist()} do not fit the FeatureIds of {shape} sites")
    if ids.min() < 1:
        raise BadInput(f"FeatureIds holds grain id {ids.min()}; ids start from 1")
    n = int(ids.max())
    if quaternions.shape != (n + 1, 4):
        raise BadInput(f"AvgQuats has shape {list(quaternions.shape)}, not {[n + 1, 4]} for grain ids up to {n}")
    ids = ids.astype(np.int32)
    absent = np.flatnonzero(np.bincount(ids.ravel(), minlength=n + 1)[1:] == 0) + 1
    if absent.size:
        raise BadInput(f"grain id {absent[0]} has no site ({absent.size} of {n} ids have none)")
    grain_type = grain_types(quaternions[1:])
    wrong = np.flatnonzero(grain_type == NO_TYPE) + 1
    if wrong.size:
        raise BadInput(f"the quaternion of grain {wrong[0]} matches no grain type")
    candidates = int((grain_type == CANDIDATE).sum())
    if candidates != 1:
        raise BadInput(f"{candidates} candidate grains, not one")
    return ids, grain_type


def _load_initial(file: h5py.File, path: Path) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    version = file.attrs.get("FileVersion")  # absent from some of SPPARKS's own dumps
    if version is not None:
        text = version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)
        if not re.fullmatch(r"6(\.[0-9]+)*\0*", text):
            raise BadInput(f"DREAM3D file version {text[:20]!r}, not 6; source dream3d reads others")
    has_dimensions = present(file, DIMENSIONS)
    if not has_dimensions and present(file, f"{VOLUME}/_SIMPL_GEOMETRY"):
        raise BadInput(
            "DIMENSIONS is under _SIMPL_GEOMETRY: a file of another DREAM3D version, not 6; source dream3d reads it"
        )
    ids, quaternions = dataset(file, FEATURE_IDS, "iu"), dataset(file, AVG_QUATS, "f")
    shape = [size for size in ids.shape if size != 1]
    if len(shape) != 2 or 0 in shape:
        raise BadInput(f"FeatureIds of shape {list(ids.shape)} is not a plane of sites")
    if quaternions.ndim != 2 or quaternions.shape[1] != 4 or quaternions.shape[0] > math.prod(shape) + 1:
        raise BadInput(f"AvgQuats has shape {list(quaternions.shape)}, not [grains + 1, 4]")
    dimensions = dataset(file, DIMENSIONS, "iu") if has_dimensions else None
    if dimensions is not None and dimensions.size > 3:
        raise BadInput(f"DIMENSIONS has {dimensions.size} entries")
    return None if dimensions is None else dimensions[()], ids[()].reshape(shape), quaternions[()]


def _read_stats(path: Path, initial_areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """times float64 [records] and areas int32 [records, n] of a growth run."""
    time, sizes = load(path, lambda file, path: _load_stats(file, path, initial_areas.size))
    if time.dtype.kind != "f" and (time.max() > MAX_EXACT or time.min() < -MAX_EXACT):
        raise BadInput(f"a time lies beyond 2^53 = {MAX_EXACT}, where integers are not exact")
    time, sizes = ascending(time.astype(np.float64), sizes)  # signed: differences of unsigned integers wrap
    if sizes.min() < 0:
        raise BadInput("negative area in grainsize")
    sites = int(initial_areas.sum())
    if sizes.max() > sites:
        raise BadInput(f"an area of {sizes.max()} exceeds the image of {sites} sites")
    sizes = sizes.astype(np.int32, copy=False)
    if sizes[:, 0].any():
        raise BadInput("column 0 of grainsize belongs to no grain but is not zero")
    total = sizes.sum(axis=1, dtype=np.int64)
    if (total != sites).any():
        record = np.flatnonzero(total != sites)[0]
        raise BadInput(f"the areas of record {record} add up to {total[record]}, not to the {sites} sites")
    if (sizes[0] != initial_areas).any():
        grain = np.flatnonzero(sizes[0] != initial_areas)[0]
        reason = f"grain {grain} has {sizes[0, grain]} sites, but {initial_areas[grain]} in {INITIAL}"
        raise BadInput(f"the first record is not the initial state: {reason}")
    return time, np.ascontiguousarray(sizes[:, 1:])


def _load_stats(file: h5py.File, path: Path, columns: int) -> tuple[np.ndarray, np.ndarray]:
    time, sizes = dataset(file, "time", "fiu"), dataset(file, "grainsize", "iu")
    if sizes.ndim != 2 or sizes.shape[1] != columns:
        raise BadInput(f"grainsize has shape {list(sizes.shape)}, not [records, {columns}] for {columns - 1} grains")
    if time.shape != sizes.shape[:1]:
        raise BadInput(f"{list(time.shape)} times, but {sizes.shape[0]} records of grainsize")
    if 0 in sizes.shape:
        raise BadInput("grainsize is empty")
    return time[()], read_chunks(file, path, sizes)
