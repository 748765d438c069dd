"""What the end of a program's log says: its last lines, and why the program failed."""

import re
from collections.abc import Sequence
from pathlib import Path

LONGEST_LINE = 2000  # bytes


def last_lines(logs: Sequence[str | Path], count: int) -> list[str]:
    """The last lines of the first of these files that holds any, at most `count` of them."""
    for path in map(Path, logs):
        try:
            with path.open("rb") as file:
                file.seek(0, 2)
                file.seek(max(0, file.tell() - count * LONGEST_LINE))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            continue
        lines = [line for line in text.splitlines() if line.strip()]
        if lines:
            return lines[-count:]
    return []


def error(lines: Sequence[str]) -> str:
    """The last of these lines that names an error; "" where none does."""
    return next((line for line in reversed(lines) if re.search(r"error\b", line, re.IGNORECASE)), "")


def cause(lines: Sequence[str], message: str = "") -> str:
    """Why a program failed: the last error among its last lines, else `message`, else its last line."""
    return error(lines) or message or next(reversed(lines), "its log says nothing")
