"""Text dumps of SPPARKS's Potts applications, and site files: a state, and the areas of its grains in later frames."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graincast.graphs.clusters import clusters, followed
from graincast.graphs.from_labels import from_labels
from graincast.graphs.time_steps import ascending
from graincast.microstructure import BadInput, GrainTable, Microstructure
from graincast.raw.plane import plane
from graincast.raw.sources import dump_files
from graincast.raw.spparks_text import Frame, frames, is_dump, site_file

SPINS, CLUSTERS = "spins", "clusters"
SCATTERED = 0.1
"""If more than this fraction of the spins lie in several clusters, a grain is not a spin. Of real grains, 0.02 % do."""
NO_GROWTH = "no growth run"
Plane = tuple[Any, ...]
"""The index of a plane in an array [z, y, x]."""


def read(
    path: Path,
    name: str,
    grains: str = SPINS,
    start: float = 0,
    periodic: Sequence[bool] | None = None,
    spacing: float | None = None,
    slice: Mapping[str, Any] | None = None,
) -> Microstructure:
    """The first frame of a dump, or a site file, as the initial state, and the later frames as its growth run.

    path      a file, or a folder with one file per frame
    grains    "spins": the sites of one spin are a grain; "clusters": the connected ones among them are
    start     MCS; frames before it are left out
    periodic  whether sites at one end of each axis touch those at the other; None: as the file says, else yes
    spacing   distance of neighbouring sites, µm
    slice     the plane to take of a lattice in three dimensions, which then has no growth run

    Spin 0 is no grain. Raises BadInput for any other content.
    """
    files = dump_files(path)
    if len(files) == 1 and not is_dump(files[0]):
        states: Iterator[Frame] = iter([site_file(files[0])])
    else:
        states = frames(files, start)
    first = next(states, None)
    if first is None:
        raise BadInput(f"no frame at or after start: {start:g} MCS")
    at = plane(first.spins.shape, slice)
    axes = _axes(first, at, periodic)
    spins = first.spins[at]
    if not spins.any():
        raise BadInput("all spins of the first frame are 0, which is no grain")
    parts = clusters(spins, axes)
    if grains == SPINS:
        _check_spins(spins, parts)
        microstructure = from_labels(name, spins, axes, spacing)
    else:
        of_cluster = np.zeros(int(parts.max()) + 1)
        of_cluster[parts] = spins
        microstructure = from_labels(
            name, parts, axes, spacing, lambda ids: GrainTable(columns={"spin": of_cluster[ids]})
        )
    if spins.size < first.spins.size:
        return replace(microstructure, note=f"{NO_GROWTH}: grains grow out of a slice")
    areas_of = _areas_of_spins if grains == SPINS else _areas_of_clusters
    times, areas, reason = areas_of(microstructure, spins, _later(states, first, at))
    if reason:
        return replace(microstructure, note=f"{NO_GROWTH}: {reason}")
    if not times:
        return microstructure
    all_areas = np.array([microstructure.area, *areas], np.int32)
    time, area = ascending(np.array([first.time, *times]), all_areas)
    return replace(microstructure, runs=["1"], times=[time], areas=[area])


def _axes(frame: Frame, at: Plane, periodic: Sequence[bool] | None) -> tuple[bool, bool]:
    """Whether the rows and the columns of the plane are periodic."""
    of_frame = frame.periodic or ()
    found = [wraps for wraps, index in zip(of_frame, at, strict=False) if not isinstance(index, int)]
    if found and periodic is not None and found != [*periodic]:
        raise BadInput(f"periodic: {[*periodic]} contradicts the flags of BOX BOUNDS, {found}; leave it out")
    rows, columns = found or periodic or (True, True)
    return rows, columns


def _check_spins(spins: np.ndarray, parts: np.ndarray) -> None:
    """Raise BadInput where most spins lie in several clusters, as with few spins, or before any growth."""
    pieces = np.unique(np.stack([spins[parts > 0], parts[parts > 0]]), axis=1)[0]
    count = np.unique(pieces, return_counts=True)[1]
    scattered = int((count > 1).sum())
    if scattered > 1 + SCATTERED * count.size:
        shown = f"{scattered} of {count.size} spins of the initial state"
        raise BadInput(f"{shown} lie in several clusters, so a grain is not a spin; set grains: clusters")


def _later(states: Iterator[Frame], first: Frame, at: Plane) -> Iterator[tuple[float, np.ndarray]]:
    """The time and the plane of spins of each later frame."""
    for frame in states:
        if frame.spins.shape != first.spins.shape:
            sizes = [" x ".join(map(str, reversed(one.spins.shape))) for one in (frame, first)]
            raise BadInput(f"{sizes[0]} sites at {frame.time:g} MCS, but {sizes[1]} in the first frame")
        yield frame.time, frame.spins[at]


def _areas_of_spins(
    microstructure: Microstructure, spins: np.ndarray, later: Iterator[tuple[float, np.ndarray]]
) -> tuple[list[float], list[np.ndarray], str]:
    """Times, and the areas of each grain then; sites whose spin no grain had belong to none."""
    ids = microstructure.grain_id
    times, areas = [], []
    for time, now in later:
        node = np.minimum(np.searchsorted(ids, now), ids.size - 1)
        times.append(time)
        areas.append(np.bincount(node[ids[node] == now], minlength=ids.size))
    return times, areas, ""


def _areas_of_clusters(
    microstructure: Microstructure, spins: np.ndarray, later: Iterator[tuple[float, np.ndarray]]
) -> tuple[list[float], list[np.ndarray], str]:
    """As `_areas_of_spins`, and why the grains cannot be followed; "" if they can."""
    n = microstructure.grain_id.size
    grains, before = microstructure.labels, spins
    times, areas = [], []
    reason = ""
    for time, now in later:
        if not reason:  # the other frames are still read, since a damaged file is refused as a whole
            grains, reason = followed(grains, before, now, clusters(now, microstructure.periodic))
            reason = reason and f"by {time:g} MCS, {reason}"
            before = now
            times.append(time)
            areas.append(np.bincount(grains.ravel(), minlength=n + 1)[1:])
    return times, areas, reason
