"""CSV tables: atomic writing, and reading."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace

from graincast.files.atomic import whole
from graincast.microstructure import BadInput


def write(path: str | os.PathLike, header: Sequence, rows: Iterable[Sequence]) -> None:
    """Write a table atomically: a header and its rows."""
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        # for this end of a line, the writer quotes a field with a carriage return too, which would end a line otherwise
        lines = SimpleNamespace(write=lambda line: file.write(line.removesuffix("\r\n") + "\n"))
        table = csv.writer(lines, lineterminator="\r\n")
        table.writerow(header)
        table.writerows(rows)


def read(path: str | os.PathLike) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of a table; skips a byte order mark. Raises BadInput, without the file's name."""
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        try:
            header, *rows = list(csv.reader(file)) or [[]]
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadInput(f"not a table of comma-separated values in UTF-8: {error}") from None
    return header, rows


def rows(path: str | os.PathLike) -> list[list[str]]:
    """The rows of a table, without its header."""
    return read(path)[1]


def records(path: str | os.PathLike) -> list[dict[str, str]]:
    """The rows of a table as dicts keyed by column."""
    header, rows = read(path)
    return [dict(zip(header, row, strict=True)) for row in rows]
