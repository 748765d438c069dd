"""Outputs that appear whole or not at all: written beside their place, then renamed."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a path beside `path` to write a file or folder to; it takes `path`'s place if no error is raised."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    _remove(partial)  # what a killed process of the same id has left
    try:
        yield partial
        if partial.is_dir():
            _remove(path)  # a folder cannot be renamed over another
        partial.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)  # a failed write names no file by itself
        raise
    finally:
        _remove(partial)


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a text file whole."""
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_if_changed(path: str | os.PathLike, text: str) -> None:
    """Write a text file whole, but leave the file and its time alone where it already holds this text."""
    path = Path(path)
    if not (path.is_file() and path.read_text(encoding="utf-8") == text):
        write_text(path, text)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
