"""CSV tables: written whole, and their rows read back."""

import csv
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from graincast.atomic import whole


def write(path: str | os.PathLike, header: Sequence, rows: Iterable[Sequence]) -> None:
    """Write a table whole: a header and its rows."""
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def rows(path: str | os.PathLike) -> list[list[str]]:
    """The rows of a table, without its header."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))[1:]
