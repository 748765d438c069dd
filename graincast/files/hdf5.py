"""HDF5 files: atomic writing, and reading with a check of format and version."""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, TypedDict

import h5py

from graincast.files.atomic import whole
from graincast.microstructure import BadInput


class Format(TypedDict):
    """The attributes that identify a file's format."""

    format: str
    version: int


@contextlib.contextmanager
def written(path: str | os.PathLike, **settings: Any) -> Iterator[h5py.File]:
    """Yield an HDF5 file to fill; it is written to `path` on exit.

    It is built in memory: on a full disk, HDF5 itself leaves files that it cannot even close.
    settings  passed to h5py.File
    """
    with h5py.File("memory", "w", driver="core", backing_store=False, **settings) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    with whole(path) as partial:
        partial.write_bytes(image)


@contextlib.contextmanager
def opened(path: str | os.PathLike, expected: Format | None = None) -> Iterator[h5py.File]:
    """Yield an HDF5 file to read. Raises BadInput if it is not HDF5, or not of the expected format and version."""
    try:
        file = h5py.File(path)
    except OSError as error:
        if error.errno is not None:
            raise  # no such file, no permission
        raise BadInput(f"{path}: not an HDF5 file, or cut short") from None
    with file:
        if expected and not _is(file, expected):
            kind = f"a file of {expected['format']}, version {expected['version']}"
            raise BadInput(f"{path}: not {kind}; remove it and run again")
        yield file


def _is(file: h5py.File, expected: Format) -> bool:
    """Whether a file has these attributes and its head is not damaged."""
    try:
        found = {key: file.attrs.get(key) for key in expected}
        return expected == {key: value.decode() if isinstance(value, bytes) else value for key, value in found.items()}
    except (OSError, RuntimeError, LookupError, ValueError):
        return False
