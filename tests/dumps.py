"""SPPARKS text dumps and site files, written as SPPARKS writes them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def frame(
    spins: np.ndarray,
    time: float = 0,
    columns: Sequence[str] = ("id", "type", "x", "y", "z"),
    order: np.ndarray | None = None,
    distance: float = 1,
    flags: str = "",
    number: int = 0,
) -> str:
    """One frame of a dump of spins [height, width] or [z, y, x].

    columns   names in any order; those that are not known hold 7.5
    order     the order of sites in the file, a permutation; None: by id
    distance  of neighbouring sites
    """
    volume = spins if spins.ndim == 3 else spins[None]
    place = np.stack(np.unravel_index(np.arange(volume.size), volume.shape))
    values = {"id": np.arange(1, volume.size + 1), **dict.fromkeys(("type", "site", "i1"), volume.ravel())}
    values |= {axis: distance * place["zyx".index(axis)] for axis in "xyz"}
    order = np.arange(volume.size) if order is None else order
    rows = np.stack([values.get(name, np.full(volume.size, 7.5))[order] for name in columns], axis=1)
    sizes = reversed(volume.shape)
    bounds = [f"{0:g} {distance * size:g}" if size > 1 else "-0.5 0.5" for size in sizes]
    header = ["ITEM: TIMESTEP", f"{number} {time:10g}", "ITEM: NUMBER OF ATOMS", f"{volume.size}"]
    header += [f"ITEM: BOX BOUNDS {flags}".strip(), *bounds, f"ITEM: ATOMS {' '.join(columns)} "]
    return "\n".join([*header, *("".join(f"{value:g} " for value in row) for row in rows)]) + "\n"


def dump(path: Path, states: Sequence[np.ndarray], **options) -> Path:
    """A dump of several states, at 0, 10, 20, … MCS."""
    path.write_text("".join(frame(state, 10 * i, number=i, **options) for i, state in enumerate(states)))
    return path


def site_file(spins: np.ndarray, coordinates: bool = False, columns: str = "", order: np.ndarray | None = None) -> str:
    """A site file of spins [height, width]."""
    height, width = spins.shape
    order = np.arange(spins.size) if order is None else order
    lines = ["Site file", "", "2 dimension", f"{spins.size} sites  # of them", *([f"{columns} values"] * bool(columns))]
    lines += ["4 max neighbors", f"0 {width} xlo xhi", f"0 {height} ylo yhi", "-0.5 0.5 zlo zhi", ""]
    if coordinates:
        lines += ["Sites", "", *(f"{i + 1} {i % width} {i // width} 0" for i in range(spins.size)), ""]
        lines += ["Neighbors", "", *(f"{i + 1} 1 2 3 4" for i in range(spins.size)), ""]
    rows = {"id": np.arange(1, spins.size + 1), "site": spins.ravel()}
    values = [[rows.get(name, rows["site"] * 0 + 3)[i] for name in (columns or "id site").split()] for i in order]
    return "\n".join([*lines, "Values", "", *(" ".join(map(str, row)) for row in values)]) + "\n"
