"""Atomic outputs: written under a temporary name beside their destination, then renamed."""

import contextlib
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from graincast.files.digest import digest

before_rename: Callable[[], None] | None = None
"""Called before an output takes its place, which it prevents by raising an error; then `digests` are noted too."""
digests: dict[str, str] = {}
"""The digest of each output of this process, by its path as given."""


@contextlib.contextmanager
def whole(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path to write a file or folder to; it replaces `path` unless an error is raised."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    _remove(partial)  # left by a killed process with the same id
    try:
        yield partial
        _put_in_place(partial, path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write does not name its file
        raise
    finally:
        _remove(partial)


@contextlib.contextmanager
def resumable(path: str | os.PathLike, key: str) -> Iterator[Path]:
    """Yield a folder that outlives a killed process; it replaces `path` unless an error is raised.

    A later process with the same key finds it again. So put parts into it with `whole`, and skip those that are there.

    key  of all that the content depends on, as part of a file name; folders kept with another key are removed
    """
    path = Path(path)
    kept = path.with_name(f".{path.name}.{key}.kept")
    for other in path.parent.glob(f".{path.name}.*.kept"):
        if other != kept:
            _remove(other)
    kept.mkdir(parents=True, exist_ok=True)
    try:
        yield kept
        for left in list(kept.rglob(".*.partial")):  # of killed processes
            _remove(left)
        _put_in_place(kept, path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise


def remove_partial(path: str | os.PathLike) -> None:
    """Remove what killed processes left of unfinished outputs of this name. Only its one writer may call this."""
    path = Path(path)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
        if left.name.removeprefix(f".{path.name}.").removesuffix(".partial").isdecimal():
            _remove(left)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file atomically."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """Write a file atomically."""
    with whole(path) as partial:
        partial.write_bytes(content)


def write_if_changed(path: str | os.PathLike, text: str) -> None:
    """Write a text file atomically, unless it already holds this text: its modification time then stays."""
    path = Path(path)
    if not (path.is_file() and path.read_bytes() == text.encode("utf-8")):
        write_text(path, text)


def _put_in_place(made: Path, path: Path) -> None:
    if before_rename:
        before_rename()
        digests[str(path)] = digest(made)
    if made.is_dir():
        _remove(path)  # a folder cannot be renamed over another
    made.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
