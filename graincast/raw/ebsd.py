"""EBSD maps: EDAX's .ang, Oxford Instruments' .ctf, and .cpr with .crc. DefDAP loads them; grains are segmented here.

Orientations are given in one frame, whatever the format: sample axes x to the right, y up and z out of the map, and
DREAM.3D's crystal axes, x along a1 of a hexagonal crystal. So Oxford's φ2 of hexagonal crystals grows by 30 degrees,
as its x axis lies along [10-10]; and EDAX's φ1, whose sample axes point down and to the right, shrinks by 90, which
DefDAP does. That a map was acquired turned (AcqE1 … of .ctf) does not count: it turns all orientations alike.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graincast.graphs.from_labels import from_labels
from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.graphs.orientations import from_euler
from graincast.graphs.segmentation import mean_orientations, segmented
from graincast.microstructure import BadInput, GrainTable, Microstructure
from graincast.raw.limits import MAX_SITES, content_errors, regular_file
from graincast.raw.plane import spacing_in_plane

HEAD = 2**20
"""The most bytes at the start of a file in which its header is looked for."""
LOADERS = {".ang": "EdaxAng", ".ctf": "OxfordText", ".cpr": "OxfordBinary"}
LAUE = {9: "6/mmm", 11: "m-3m"}
"""DefDAP's Laue groups."""
MAX_ANGLE = 13  # radians; EDAX writes 4π for what it could not index


@dataclass(frozen=True)
class _Grid:
    """What a header says: the names of its keys, then their values."""

    columns: str
    rows: str
    x_step: str
    y_step: str


GRIDS = {
    ".ang": _Grid("NCOLS_ODD", "NROWS", "XSTEP", "YSTEP"),
    ".ctf": _Grid("XCells", "YCells", "XStep", "YStep"),
    ".cpr": _Grid("xCells", "yCells", "GridDistX", "GridDistY"),
}


def read(
    path: Path,
    name: str,
    misorientation: float = 10,
    min_size: int = 10,
    periodic: Sequence[bool] = (False, False),
    spacing: float | None = None,
) -> Microstructure:
    """The map of an EBSD file, without growth runs, types or candidate; points that were not indexed are no grain.

    misorientation  largest between neighbouring points of one grain, degrees
    min_size        fewest points of a grain
    periodic        whether points at one end of each axis touch those at the other
    spacing         distance of neighbouring points, µm; None: as the file says
    Raises BadInput for any other content.
    """
    regular_file(path)
    step = _checked_header(path, spacing)
    orientation, phase, laue = _loaded(path)
    axes = (bool(periodic[0]), bool(periodic[1]))
    labels = segmented(orientation, phase, laue, misorientation, min_size, axes)
    if not labels.any():
        raise BadInput(f"no grain of {min_size} points within {misorientation:g} degrees; see misorientation, min_size")
    _, first = np.unique(labels[labels > 0], return_index=True)
    of_grain = phase[labels > 0][first].astype(np.int32)
    groups = np.array([laue[number] for number in of_grain.tolist()], np.int8)
    table = GrainTable(mean_orientations(orientation, labels, groups), of_grain, groups)
    return from_labels(name, labels, axes, step, lambda _: table)


def _checked_header(path: Path, spacing: float | None) -> float:
    """The distance of neighbouring points. Raises BadInput for a grid that is not read, before any memory is taken."""
    suffix = path.suffix
    if suffix not in GRIDS:
        raise BadInput(f"the suffix {suffix} is read in lower case only; rename it to {suffix.lower()}")
    with path.open("rb") as file:
        head = file.read(HEAD).decode("latin-1")
    if suffix == ".ang" and re.search(r"^#\s*GRID:\s*HexGrid", head, re.MULTILINE | re.IGNORECASE):
        raise BadInput("points on a hexagonal grid; resample them to a square one, as OIM Analysis and DREAM.3D can")
    grid = GRIDS[suffix]
    columns, rows = (int(_number(head, key, r"\d{1,18}")) for key in (grid.columns, grid.rows))
    x_step, y_step = (float(_number(head, key, r"[0-9.eE+-]{1,40}")) for key in (grid.x_step, grid.y_step))
    if not 0 < columns * rows <= MAX_SITES:
        raise BadInput(f"{rows} x {columns} points, none or too many (over {MAX_SITES}); take a part of the map")
    return spacing_in_plane((1, y_step, x_step), (0, slice(None), slice(None)), spacing)


def _number(head: str, key: str, form: str) -> str:
    """The text of a number in a header. Raises BadInput where it is absent or another."""
    found = re.search(rf"^[# \t]*{key}[:= \t]+(\S*)[ \t\r]*$", head, re.MULTILINE)
    if found is None:
        raise BadInput(f"the header has no {key}, or the file is not what its suffix says")
    with contextlib.suppress(ValueError):
        if re.fullmatch(form, found[1]) and float(found[1]) >= 0:
            return found[1]
    raise BadInput(f"{key}: {found[1][:40]!r} is not a number from 0")


def _loaded(path: Path) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Orientations float64 [height, width, 4], phases int64 [height, width], and the Laue group of each phase."""
    from defdap.file_readers import EBSDDataLoader  # takes a second; only this source needs it

    loader = EBSDDataLoader.get_loader(LOADERS[path.suffix], path)
    quiet = contextlib.redirect_stdout(io.StringIO())
    with content_errors("DefDAP cannot read it"), quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            if path.suffix == ".cpr":
                _check_binary(loader, path)
            loader.load(path)
        except UnicodeDecodeError:
            raise BadInput("not text in UTF-8; save it so") from None
        except StopIteration:
            raise BadInput("the header ends too early") from None
        kinds = [phase.laue_group for phase in loader.loaded_metadata["phases"]]
        phase = np.array(loader.loaded_data.phase, np.int64)
        euler = np.moveaxis(np.array(loader.loaded_data.euler_angle, np.float64), 0, -1)
        if path.suffix == ".ang":
            phase = _phases_of_edax(path, phase, len(kinds))
            phase[loader.loaded_data.confidence_index < 0] = 0
    if not kinds:
        raise BadInput("the header names no phase")
    if phase.max() > len(kinds):
        raise BadInput(f"phase {phase.max()} is not one of the {len(kinds)} of the header")
    _check_angles(euler[phase > 0], path.suffix)
    if path.suffix != ".ang":
        hexagonal = np.array([False, *(LAUE[kind] == "6/mmm" for kind in kinds)])
        euler[..., 2] += np.where(hexagonal[phase], np.pi / 6, 0)
    laue = {number: LAUE_GROUPS.index(LAUE[kind]) for number, kind in enumerate(kinds, 1)}
    return from_euler(euler), phase, laue


def _check_angles(euler: np.ndarray, suffix: str) -> None:
    """Raise BadInput for angles, radians, that the file holds in another unit than its format's."""
    largest = np.abs(euler[np.isfinite(euler)]).max(initial=0)
    unit = "degrees" if suffix == ".ctf" else "radians"
    if largest > MAX_ANGLE:
        raise BadInput(f"an Euler angle of {np.degrees(largest):.0f} degrees; {suffix} files have them in {unit}")
    if suffix == ".ctf" and 0 < np.degrees(largest) <= 2 * np.pi:
        raise BadInput(f"no Euler angle above {np.degrees(largest):.2f}: they are in radians; convert them to {unit}")


def _check_binary(loader: Any, path: Path) -> None:
    """Raise BadInput where the .crc file beside a .cpr file is absent, or not of the size that the latter gives it."""
    binary = path.with_suffix(".crc")
    if not binary.is_file():
        raise BadInput(f"no {binary.name} beside it, which holds the points")
    loader.load_oxford_cpr(path)
    rows, columns = loader.loaded_metadata["shape"]
    expected, size = rows * columns * loader.data_format.itemsize, regular_file(binary).st_size
    loader.loaded_metadata["phases"].clear()  # or loading adds them again
    if size != expected:
        raise BadInput(f"{binary.name} holds {size} bytes, not the {expected} of {rows} x {columns} points")


def _phases_of_edax(path: Path, phase: np.ndarray, count: int) -> np.ndarray:
    """Phases from 1 on, 0 where not indexed: DefDAP adds 1 to all where any is 0.

    EDAX writes 0 throughout for a single phase; of several, 0 is what could not be indexed.
    """
    if count == 1 and phase.max() <= 1:
        return phase
    written = np.loadtxt(path, np.int64, comments="#", usecols=7)
    return written.reshape(phase.shape)
