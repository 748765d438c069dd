"""Symbolic links: every place that a path leads through."""

import os
from pathlib import Path

MOST = 40  # links that a path may lead through; Linux allows as many


def hops(path: str | os.PathLike) -> list[Path]:
    """A path as it is written, absolute, and as it reads after each symbolic link in it is replaced; the last is real.

    A loop of links ends after MOST of them.
    """
    found = [Path.cwd() / path]
    while len(found) <= MOST:
        replaced = _replaced(found[-1])
        if replaced == found[-1]:
            break
        found.append(replaced)
    return found


def _replaced(path: Path) -> Path:
    """A path with its first symbolic link replaced by what it names, and each .. before that by the parent."""
    before = Path(path.anchor)
    waiting = list(path.parts[1:])
    while waiting:
        part = waiting.pop(0)
        here = before.parent if part == ".." else before / part
        if here.is_symlink():
            target = here.readlink()
            waiting = [*(target.parts[1:] if target.is_absolute() else target.parts), *waiting]
            before = Path(target.anchor) if target.is_absolute() else before
            while waiting and waiting[0] == "..":  # no link lies before it
                before = before.parent
                waiting.pop(0)
            return before.joinpath(*waiting)
        before = here
    return before
