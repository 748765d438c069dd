"""HDF5 files: written whole or not at all, and refused in one line where they are not what is wanted."""

import contextlib
import os
from collections.abc import Iterator

import h5py

from graincast.files.atomic import whole
from graincast.microstructure import BadInput


@contextlib.contextmanager
def written(path: str | os.PathLike, **settings) -> Iterator[h5py.File]:
    """Yield an HDF5 file to fill, which takes its place at `path` in the end.

    It is filled in memory, since on a full disk HDF5 itself leaves files that it cannot even close.
    settings  for h5py.File
    """
    with h5py.File("memory", "w", driver="core", backing_store=False, **settings) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    with whole(path) as partial:
        partial.write_bytes(image)


@contextlib.contextmanager
def opened(path: str | os.PathLike, format: str = "", version: int = 0) -> Iterator[h5py.File]:
    """Yield an HDF5 file to read. Raises BadInput where it is none, or not of the format and version (attributes)."""
    try:
        file = h5py.File(path)
    except OSError as error:
        if error.errno is not None:
            raise  # no such file, no permission
        raise BadInput(f"{path}: not an HDF5 file, or cut short") from None
    with file:
        if format and (file.attrs.get("format"), file.attrs.get("version")) != (format, version):
            raise BadInput(f"{path}: not a file of {format}, version {version}; remove it and run again")
        yield file
