"""HDF5 files: atomic writing, large arrays in pieces, and reading with a check of format and version."""

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import h5py
import numpy as np

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


class Streamed:
    """An HDF5 file that is being written, and whose large arrays go straight to the disk.

    file  for everything else, which is small: it is held in memory
    """

    def __init__(self, path: Path, stream: BinaryIO, file: h5py.File) -> None:
        self.file, self._path, self._stream = file, path, stream

    def put(self, name: str, shape: tuple[int, ...], dtype: Any, pieces: Iterable[np.ndarray]) -> np.ndarray:
        """Write an array, contiguous and not compressed, as `mapped` reads it; returns it, mapped.

        pieces  arrays that follow each other along the first axis
        """
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        settings.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        settings.set_obj_track_times(False)  # the same content gives the same bytes
        kind, space = h5py.h5t.py_create(np.dtype(dtype), logical=True), h5py.h5s.create_simple(shape)
        h5py.h5d.create(self.file.id, name.encode(), kind, space, dcpl=settings)
        dataset = self.file[name]
        if dataset.size:
            self._stream.seek(dataset.id.get_offset())
            for piece in pieces:
                self._stream.write(np.ascontiguousarray(piece, dtype).data)
            self._stream.flush()
        return _map(self._path, dataset)


@contextlib.contextmanager
def streamed(path: str | os.PathLike, **settings: Any) -> Iterator[Streamed]:
    """Yield an HDF5 file to fill that may be larger than the memory; it is written to `path` on exit.

    What HDF5 itself writes is held in memory until then, as in `written`, and for the same reason.
    """
    with whole(path) as partial, partial.open("wb") as stream:
        writes = _Writes()
        with h5py.File(writes, "w", **settings) as file:
            yield Streamed(partial, stream, file)
        writes.replay(stream)


class _Writes(io.RawIOBase):
    """A file of which only what was written is kept, in memory, and not the gaps."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[tuple[int, bytes]] = []
        self._at = self._size = 0

    def replay(self, stream: BinaryIO) -> None:
        """Write to another file, whose content stays in the gaps."""
        for start, piece in self._pieces:
            stream.seek(start)
            stream.write(piece)
        stream.truncate(self._size)

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._pieces.append((self._at, piece))
        self._at += len(piece)
        self._size = max(self._size, self._at)
        return len(piece)

    def readinto(self, buffer: Any) -> int:
        view, start = memoryview(buffer).cast("B"), self._at
        view[:] = bytes(len(view))
        for offset, piece in self._pieces:
            first, last = max(start, offset), min(start + len(view), offset + len(piece))
            if first < last:
                view[first - start : last - start] = piece[first - offset : last - offset]
        self._at += len(view)
        return len(view)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def truncate(self, size: int | None = None) -> int:
        self._size = self._at if size is None else size
        return self._size

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


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


def mapped(dataset: h5py.Dataset) -> np.ndarray:
    """A dataset's content, read-only: mapped, so that pages are read when they are used, and can be given up again.

    A compressed one is read into memory. Raises BadInput where the file ends before it.
    """
    return _map(Path(dataset.file.filename), dataset)


def _map(path: Path, dataset: h5py.Dataset) -> np.ndarray:
    start = dataset.id.get_offset()
    if start is None:  # empty, or compressed
        values = dataset[()]
        values.flags.writeable = False
        return values
    if start + dataset.nbytes > path.stat().st_size:
        raise BadInput(f"{path}: not an HDF5 file, or cut short")
    return np.asarray(np.memmap(path, dataset.dtype, "r", start, dataset.shape))


def _is(file: h5py.File, expected: Format) -> bool:
    """Whether a file has these attributes and its head is not damaged."""
    try:
        found = {key: file.attrs.get(key) for key in expected}
        return expected == {key: value.decode() if isinstance(value, bytes) else value for key, value in found.items()}
    except (OSError, RuntimeError, LookupError, ValueError):
        return False
