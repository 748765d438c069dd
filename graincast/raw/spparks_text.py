"""The spins of a lattice from SPPARKS's text files: frames of `dump text`, and files of `read_sites`.

A frame of a text dump (SPPARKS writes `site` as `type`; further columns may be there, in any order):

    ITEM: TIMESTEP
    1         25                   number of the frame, time in MCS
    ITEM: NUMBER OF ATOMS
    3072
    ITEM: BOX BOUNDS pp pp pp      the flags are optional: pp is a periodic axis
    0 64                           x, then y and z
    0 48
    -0.5 0.5
    ITEM: ATOMS id type x y z
    1 43 0 0 0
    …

A site file, as `dump sites`, `read_sites` and DREAM.3D have it (sections Sites and Neighbors are optional):

    a title
    <empty>
    2 dimension
    3072 sites
    id site values                 optional
    0 64 xlo xhi
    0 48 ylo yhi
    -0.5 0.5 zlo zhi
    <empty>
    Values
    <empty>
    1 43
    …

A header is not trusted: what it claims must be there before memory is taken for it.
"""

import io
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from graincast.microstructure import BadInput
from graincast.raw.limits import MAX_SITES, regular_file
from graincast.raw.number_lines import number_lines

SPINS = ("site", "type", "i1")
"""Columns that hold the spin, the first of those that are there: names of one and the same value."""
LONGEST_LINE = 4000
LONGEST_VALUE = 32
"""The most characters of a value, on average, with the space after it."""
SAME_PLACE = 0.05
"""How far a site may lie off its place on the grid, in distances of sites: text has six digits."""


@dataclass(frozen=True)
class Frame:
    """The spins of a lattice at one time.

    time      Monte Carlo steps
    spins     int32 [z, y, x]
    periodic  for z, y and x; None where the file does not say
    """

    time: float
    spins: np.ndarray
    periodic: tuple[bool, bool, bool] | None


@dataclass(frozen=True)
class _Header:
    time: float
    sites: int
    box: list[tuple[float, float]]
    flags: list[str]
    columns: list[str]


def frames(files: Sequence[Path], start: float = 0) -> Iterator[Frame]:
    """The frames of text dumps, one file after another; those before `start`, in MCS, are left out.

    Raises BadInput, which names the frame, for anything else than whole frames.
    """
    number = 0
    for path in files:
        size = regular_file(path).st_size
        where = f"{path.name}, " if len(files) > 1 else ""
        with path.open("rb") as file:
            while True:
                try:
                    header = _dump_header(file)
                    if header is None:
                        if file.tell() == 0 or not size:
                            raise BadInput("is empty")
                        break
                    body = _body(file, header.sites, len(header.columns), size, b"ITEM:")
                    if header.time >= start:
                        table = _table(body, header.sites, header.columns)
                        yield Frame(header.time, _lattice(table, header.box, header.sites), _periodic(header.flags))
                except BadInput as error:
                    raise BadInput(f"{where}frame {number}: {error}") from None
                number += 1


def is_dump(path: Path) -> bool:
    """Whether a file starts as a text dump does. Raises BadInput for a packed file, or one that is not regular."""
    regular_file(path)
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x1f\x8b"):
        raise BadInput("packed with gzip; unpack it with gunzip")
    return start.lstrip().startswith(b"ITEM:")


def site_file(path: Path) -> Frame:
    """The state that a site file holds. Raises BadInput for any other content."""
    size = regular_file(path).st_size
    with path.open("rb") as file:
        _line(file)  # the title
        counts: dict[str, int] = {}
        columns: list[str] | None = None
        box = dict.fromkeys("xyz", (-0.5, 0.5))
        table: dict[str, np.ndarray] = {}
        while line := _filled_line(file):
            words = line.split()
            axis = re.search("([xyz])lo [xyz]hi", line)
            if axis:
                low, high = _numbers(line[: axis.start()], 2)
                box[axis[1]] = (low, high)
            elif "dimension" in words or "sites" in words or "neighbors" in words:
                counts[words[-1]] = _count(words[0])
            elif words[-1] == "values":
                columns = words[:-1]
            elif line in ("Sites", "Neighbors", "Values"):
                sites = counts.get("sites")
                if sites is None:
                    raise BadInput(f"section {line} without a number of sites before it; is it a file of read_sites?")
                _section(file, line, sites, columns, size, table)
            else:
                raise BadInput(f"{line[:40]!r} is neither a dump's nor a site file's")
    if not table.keys() & {*SPINS}:
        raise BadInput("neither a text dump nor a site file: it starts with no ITEM: and has no section Values")
    return Frame(0.0, _lattice(table, [box[axis] for axis in "xyz"], counts["sites"]), None)


def _section(
    file: BinaryIO, title: str, sites: int, columns: list[str] | None, size: int, table: dict[str, np.ndarray]
) -> None:
    """Read a section of a site file into a table by column, sorted by id where there are sections with coordinates."""
    while (start := file.tell()) < size and not _line(file):
        pass
    file.seek(start)
    names = ["id", "x", "y", "z"] if title == "Sites" else columns
    if title == "Neighbors" or names is None:  # as many columns as the first line has
        first = _line(file).split()
        file.seek(start)
        names = ["id", *(["site"] if title == "Values" else []), *(f"further {i}" for i in range(len(first) - 2))]
    end = rb"[A-Z]"
    body = _body(file, sites, len(names), size, end)
    if title == "Neighbors":
        return  # those of a square lattice follow from its coordinates
    part = _table(body, sites, names)
    if table:
        if "id" not in part or not np.array_equal(np.sort(table["id"]), np.sort(part["id"])):
            raise BadInput("sections Sites and Values do not have the same ids")
        order, other = np.argsort(table["id"]), np.argsort(part["id"])
        for values in (table, part):
            index = order if values is table else other
            values.update({key: column[index] for key, column in values.items()})
    table.update(part)


def _dump_header(file: BinaryIO) -> _Header | None:
    """The header of the next frame; None at the end of the file."""
    line = _filled_line(file)
    if not line:
        return None
    time, sites, box, flags = math.nan, -1, [], []
    while True:
        if not line.startswith("ITEM:"):
            raise BadInput(f"cut short in its header, or no text dump ({line[:40]!r} where ITEM: … is expected)")
        item = line.removeprefix("ITEM:").strip()
        if item == "TIMESTEP":
            time = _numbers(_line(file), 1, 2)[-1]
        elif item == "TIME":
            (time,) = _numbers(_line(file), 1)
        elif item == "NUMBER OF ATOMS":
            sites = _count(_line(file))
        elif item.startswith("BOX BOUNDS"):
            flags = item.split()[2:]
            box = [_bounds(_line(file)) for _ in "xyz"]
        elif item == "ATOMS" or item.startswith("ATOMS "):
            break
        else:
            raise BadInput(f"unknown section ITEM: {item[:40]!r}")
        line = _filled_line(file)
    if sites < 0 or not box or math.isnan(time):
        raise BadInput("no time, no number of sites or no box before ITEM: ATOMS")
    columns = item.split()[1:]
    if len({*columns}) < len(columns) or not columns:
        raise BadInput(f"columns {' '.join(columns)[:80]!r} are none, or named twice")
    return _Header(time, sites, box, flags, columns)


def _line(file: BinaryIO) -> str:
    line = file.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise BadInput(f"a line of more than {LONGEST_LINE} characters in a header; is it a text dump?")
    return line.decode("ascii", "replace").partition("#")[0].strip()


def _filled_line(file: BinaryIO) -> str:
    """The next line that is not empty; "" at the end of the file."""
    while True:
        start = file.tell()
        line = _line(file)
        if line or file.tell() == start:
            return line


def _numbers(line: str, fewest: int, most: int | None = None) -> list[float]:
    words = line.split()
    try:
        values = [float(word) for word in words if "_" not in word]
    except ValueError:
        values = []
    if not fewest <= len(values) == len(words) <= (most or fewest) or not all(map(math.isfinite, values)):
        raise BadInput(f"{line[:40]!r} where {fewest} finite number{'s' * (fewest > 1)} are expected")
    return values


def _bounds(line: str) -> tuple[float, float]:
    low, high = _numbers(line, 2)
    if low >= high:
        raise BadInput(f"box bounds {line[:40]!r} do not ascend")
    return low, high


def _count(word: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", word.strip()):
        raise BadInput(f"{word[:40]!r} is not a number of sites")
    return int(word)


def _periodic(flags: list[str]) -> tuple[bool, bool, bool] | None:
    if not flags:
        return None
    if len(flags) != 3 or any(not re.fullmatch("pp?|[fsmn]{1,2}", flag) for flag in flags):
        raise BadInput(f"flags {' '.join(flags)[:40]!r} of BOX BOUNDS are not three such as pp, ff or nn")
    x, y, z = (flag.startswith("p") for flag in flags)
    return z, y, x


def _body(file: BinaryIO, sites: int, columns: int, size: int, end: bytes) -> bytes:
    """The lines up to the next `end` at the start of a line (a pattern). Raises BadInput unless they can be `sites`."""
    if sites > MAX_SITES:
        raise BadInput(f"{sites} sites, more than {MAX_SITES}")
    if not sites or not columns:
        raise BadInput("no sites")
    start = file.tell()
    if size - start < 2 * sites * columns - 1:
        raise BadInput(f"cut short: {sites} sites of {columns} values do not fit into the {size - start} bytes left")
    most = sites * columns * LONGEST_VALUE
    pattern = re.compile(rb"\n" + end)
    content = io.BytesIO()
    while content.tell() <= most:
        more = file.read(min(size, 8 * sites * columns + 1024))
        before = max(0, content.tell() - 8)
        content.write(more)
        found = pattern.search(content.getbuffer(), before)
        if found or not more:
            stop = found.start() + 1 if found else content.tell()
            file.seek(start + stop)
            return content.getvalue()[:stop]
    raise BadInput(f"{sites} sites of {columns} values take over {most} bytes; the lines are too many or too long")


def _table(body: bytes, sites: int, columns: list[str]) -> dict[str, np.ndarray]:
    """The columns that matter, float64 [sites] each."""
    wanted = [name for name in columns if name in ("id", "x", "y", "z", *SPINS)]
    last_is_whole = body.endswith(b"\n")
    body = body.rstrip()
    lines = body.count(b"\n") + last_is_whole
    if lines < sites or not last_is_whole:
        raise BadInput(f"cut short: {lines} whole lines of {sites} sites")
    if lines > sites:
        raise BadInput(f"{lines} lines for {sites} sites")
    rows = number_lines(body, sites, len(columns), [columns.index(name) for name in wanted])
    return dict(zip(wanted, rows.T, strict=True))


def _lattice(table: dict[str, np.ndarray], box: list[tuple[float, float]], sites: int) -> np.ndarray:
    """Spins int32 [z, y, x] of sites in any order, placed by coordinates or, without them, by id."""
    name = next((name for name in SPINS if name in table), None)
    if name is None:
        raise BadInput(f"no column for the spin: {', '.join(SPINS)} (found: {', '.join(table) or 'none'})")
    spin = _whole(table[name], name, 0, 2**31 - 1)
    ids = _whole(table["id"], "id", 1, 2**53) if "id" in table else None
    if ids is not None and np.unique(ids).size < sites:
        order = np.sort(ids)
        raise BadInput(f"id {order[1:][order[1:] == order[:-1]][0]:.0f} occurs twice")
    if "x" in table and "y" in table:
        index, shape = _places(table, sites)
    elif ids is None:
        raise BadInput("neither ids nor coordinates x and y; dump one of them too")
    else:
        shape = _shape_of(box, sites)
        if ids.max() != sites:
            raise BadInput(f"id {ids.max():.0f} of {sites} sites: some are missing; dump x and y too")
        index = ids.astype(np.int64) - 1
    spins = np.empty(sites, np.int32)
    spins[index] = spin
    return spins.reshape(shape)


def _whole(values: np.ndarray, name: str, low: int, high: int) -> np.ndarray:
    wrong = ~((values >= low) & (values <= high) & (values == np.floor(values)))
    if wrong.any():
        row = int(wrong.argmax())
        raise BadInput(f"{name} {values[row]:g} of site {row + 1} in the file is not an integer from {low} to {high}")
    return values


def _places(table: dict[str, np.ndarray], sites: int) -> tuple[np.ndarray, tuple[int, int, int]]:
    """The index of each site in a grid, and the grid's shape (z, y, x), from coordinates."""
    places = {axis: np.unique(table[axis]) if axis in table else np.zeros(1) for axis in "zyx"}
    distances = {axis: _distance(values, axis) for axis, values in places.items() if values.size > 1}
    if len(distances) > 1 and max(distances.values()) > (1 + SAME_PLACE) * min(distances.values()):
        shown = ", ".join(f"{distance:g} in {axis}" for axis, distance in distances.items())
        raise BadInput(f"the sites are not on a square grid: their distances are {shown}")
    z, y, x = (values.size for values in places.values())
    index = np.zeros(sites, np.int64)
    if z * y * x == sites:
        for axis, values in places.items():
            index = index * values.size + (np.searchsorted(values, table[axis]) if values.size > 1 else 0)
    if (np.bincount(index, minlength=sites) != 1).any():
        grid = f"{x} x {y} x {z}"
        raise BadInput(f"{sites} sites do not fill a grid of {grid} once each: some are missing, or twice there")
    return index, (z, y, x)


def _distance(places: np.ndarray, axis: str) -> float:
    """The distance of neighbouring places of sites on an axis, float [size], ascending."""
    if not np.isfinite(places).all():
        raise BadInput(f"{axis} is not finite for some sites")
    with np.errstate(over="ignore", invalid="ignore"):
        distance = float((places[-1] - places[0]) / (places.size - 1))
        even = np.abs(places - places[0] - distance * np.arange(places.size)) <= SAME_PLACE * distance
    if not math.isfinite(distance) or not even.all():
        raise BadInput(f"the sites are not on a square grid: their {places.size} places along {axis} are not even")
    return distance


def _shape_of(box: list[tuple[float, float]], sites: int) -> tuple[int, int, int]:
    """The shape (z, y, x) of a grid of `sites` with equal distances in a box; in a plane, the box has any height."""
    lengths = [high - low for low, high in reversed(box)]
    for dimensions in (3, 2):
        distance = (math.prod(lengths[-dimensions:]) / sites) ** (1 / dimensions)
        sizes = [length / distance if 0 < distance < math.inf else 0 for length in lengths[-dimensions:]]
        shape = [round(size) if size <= sites else 0 for size in sizes]
        fits = all(abs(size - whole) < 1e-3 for size, whole in zip(sizes, shape, strict=True))
        if fits and math.prod(shape) == sites:
            shape = [1] * (3 - dimensions) + shape
            return shape[0], shape[1], shape[2]
    raise BadInput(f"{sites} sites do not fill the box with equal distances; dump x and y too")
