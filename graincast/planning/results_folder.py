"""The folder `results`: whether the planner can write to it, and what to do where it cannot."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from graincast.microstructure import BadInput

FOLDER = Path("results")


def check(folder: Path = FOLDER) -> None:
    """Raise BadInput where the results folder, or a folder in it, is there but cannot be written, or cannot be made."""
    if folder.is_symlink() and not folder.exists():
        target = folder.parent / folder.readlink()
        raise BadInput(f"{folder}: a link to {target}, which is not there; make that folder, or remove the link")
    if not folder.exists():
        _check_writable(folder.absolute().parent, f"{folder} cannot be made, as {folder.absolute().parent} ")
        return
    for path in _folders(folder):
        if not path.is_dir():
            raise BadInput(f"{path}: a file, where results need a folder; move it away")
        _check_writable(path, f"{path} ")


def _folders(folder: Path) -> Iterator[Path]:
    """The folder, and in it those that the planner writes to."""
    yield folder
    if folder.is_dir():
        yield from (path for name in ("recipes", "datasets", "experiments") if (path := folder / name).exists())


def _check_writable(folder: Path, where: str) -> None:
    if os.access(folder, os.W_OK | os.X_OK):
        return
    remedy = f"make {FOLDER} a link to a folder that you can write (ln -s FOLDER {FOLDER})"
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise BadInput(f"{where}is on a read-only file system; mount it for writing, or {remedy}")
    if folder.stat().st_uid == os.getuid():
        raise BadInput(f"{where}is write-protected; allow writing with chmod -R u+w {folder}, or {remedy}")
    raise BadInput(
        f"{where}belongs to {_name(folder.stat().st_uid)} and cannot be written by {_name(os.getuid())}; change its "
        "owner or mode, or work in a clone of your own (datasets.<name>.results reuses somebody else's results)"
    )


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
