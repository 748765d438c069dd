"""Tables of a map's grains: one row per grain, the first column its id.

    grain                              id, a whole number above 0
    phase                              number of the phase
    laue                               Laue group, such as m-3m
    euler_1, euler_2, euler_3          Bunge's Euler angles, degrees
    quat_x, quat_y, quat_z, quat_w     quaternion from sample to crystal axes, of any length above 0

All but `grain` are optional. Other columns keep their names: they hold numbers, where every entry that is not empty is
one, and text otherwise. Of a grain without orientation, all its entries are empty.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graincast.files import csv_table
from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.graphs.orientations import from_euler
from graincast.microstructure import BadInput, GrainTable

GRAIN, PHASE, LAUE = "grain", "phase", "laue"
EULER = ("euler_1", "euler_2", "euler_3")
QUATERNION = ("quat_x", "quat_y", "quat_z", "quat_w")
RECOGNISED = (GRAIN, PHASE, LAUE, *EULER, *QUATERNION)
MOST_COLUMNS = 1000


def read(path: Path, ids: np.ndarray) -> GrainTable:
    """The table of the grains with these ids, int32 [n], ascending. Raises BadInput, naming the file."""
    try:
        header, rows = csv_table.read(path)
        return _parsed(header, rows, ids)
    except BadInput as error:
        raise BadInput(f"{path.name}: {error}") from None


def _parsed(header: list[str], rows: list[list[str]], ids: np.ndarray) -> GrainTable:
    header = [name.strip() for name in header]
    _check_header(header)
    rows = [row for row in rows if row]
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise BadInput(f"row {line} has {len(row)} entries, not {len(header)}")
    text = {name: [row[i].strip() for row in rows] for i, name in enumerate(header)}
    order = _order(text[GRAIN], ids)
    text = {name: [values[i] for i in order] for name, values in text.items()}
    laue = None
    if LAUE in text:
        wrong = [name for name in text[LAUE] if name and name not in LAUE_GROUPS]
        if wrong:
            raise BadInput(f"laue: {wrong[0][:40]!r} is none of {', '.join(LAUE_GROUPS)}")
        laue = np.array([LAUE_GROUPS.index(name) if name else -1 for name in text[LAUE]], np.int8)
    phase = _phases(text[PHASE]) if PHASE in text else None
    others = {name: _column(values) for name, values in text.items() if name not in RECOGNISED}
    return GrainTable(_orientations(text), phase, laue, others)


def _check_header(header: Sequence[str]) -> None:
    if not header or header[0] != GRAIN:
        raise BadInput(f"the first column is {(header or [''])[0][:40]!r}, not {GRAIN}")
    if len(header) > MOST_COLUMNS:
        raise BadInput(f"{len(header)} columns, more than {MOST_COLUMNS}")
    for name in header:
        if not name.isprintable() or not name:
            raise BadInput(f"the column name {ascii(name)[:40]} is empty or has control characters")
        if header.count(name) > 1:
            raise BadInput(f"two columns are called {name[:40]!r}")
    for names in (EULER, QUATERNION):
        there = [name for name in names if name in header]
        if there and len(there) != len(names):
            raise BadInput(f"column {there[0]}, but not all of {', '.join(names)}")
    if EULER[0] in header and QUATERNION[0] in header:
        raise BadInput("both Euler angles and quaternions; keep one of them")


def _order(entries: Sequence[str], ids: np.ndarray) -> np.ndarray:
    """The row of each grain. Raises BadInput where the table has other grains than the map."""
    numbers = []
    for entry in entries:
        if not (entry.isascii() and entry.isdigit()) or not 0 < int(entry[:20]) < 2**31:
            raise BadInput(f"grain id {entry[:40]!r} is not a whole number from 1 to {2**31 - 1}")
        numbers.append(int(entry))
    found, row, times = np.unique(np.array(numbers, np.int64), return_index=True, return_counts=True)
    if (times > 1).any():
        raise BadInput(f"grain {found[times > 1][0]} has {times.max()} rows")
    for absent, reason in (
        (np.setdiff1d(ids, found), "is in the image, but not in the table"),
        (np.setdiff1d(found, ids), "is in the table, but not in the image"),
    ):
        if absent.size:
            raise BadInput(f"grain {absent[0]} {reason} ({absent.size} such grains)")
    return row


def _phases(entries: Sequence[str]) -> np.ndarray:
    for entry in entries:
        if entry and not (entry.isascii() and entry.isdigit() and len(entry) < 10):
            raise BadInput(f"phase {entry[:40]!r} is not a whole number of up to 9 digits")
    return np.array([int(entry) if entry else -1 for entry in entries], np.int32)


def _column(entries: Sequence[str]) -> np.ndarray:
    try:
        return np.array([float(entry) if entry else np.nan for entry in entries], np.float64)
    except ValueError:
        return np.array(entries, str)


def _orientations(text: dict[str, list[str]]) -> np.ndarray | None:
    names = EULER if EULER[0] in text else QUATERNION
    if names[0] not in text:
        return None
    values = np.stack([_column(text[name]) for name in names], axis=1)
    if values.dtype.kind != "f":
        raise BadInput(f"{names[0]} to {names[-1]} hold an entry that is not a number")
    unknown = np.array([all(not text[name][i] for name in names) for i in range(len(values))])
    if names == EULER:
        orientation = from_euler(np.radians(values))
    else:
        with np.errstate(all="ignore"):
            orientation = values / np.linalg.norm(values, axis=1, keepdims=True)
    wrong = np.flatnonzero(~np.isfinite(orientation).all(axis=1) & ~unknown)
    if wrong.size:
        raise BadInput(f"grain {text[GRAIN][wrong[0]]} has no finite {names[0]} to {names[-1]}, or a length of 0")
    return np.where(unknown[:, None], np.nan, orientation)
