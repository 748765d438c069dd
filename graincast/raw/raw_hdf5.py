"""Datasets of raw HDF5 files, which may be damaged or hostile: nothing is read that the file itself does not hold.

The manifest's hash covers the file alone. So links to other files, virtual datasets and external storage are refused:
what they lead to could change unnoticed.
"""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import h5py
import numpy as np

from graincast.microstructure import BadInput
from graincast.raw.limits import MAX_PACKING, MAX_SITES, content_errors, regular_file

Loaded = TypeVar("Loaded")
_ACCESS = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
_ACCESS.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
_ACCESS.set_file_locking(False, True)
MOST_LINKS = 16  # soft links that lead to one another
MOST_OBJECTS = 10_000  # groups and datasets that are looked through
SMALL_CHUNKS = 1000  # from this many chunks on, HDF5 spends most of its time on bookkeeping


def load(path: Path, load_from: Callable[[h5py.File, Path], Loaded]) -> Loaded:
    """The result of load_from(file, path) on an open HDF5 file. Raises BadInput for any error in its content.

    The file is not locked, so that one that another process has open can be read.
    """
    try:
        regular_file(path)
    except BadInput as error:
        raise BadInput(f"{path.name} is {error}") from None
    with content_errors(f"{path.name} is not an HDF5 file, or cut short"):
        opened = h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDONLY, _ACCESS)  # half the time of h5py.File(path)
        with h5py.File(opened) as file:
            return load_from(file, path)


def dataset(file: h5py.File, name: str, kinds: str) -> h5py.Dataset:
    """A dataset whose type is one of NumPy's `kinds`. Raises BadInput if it is absent, elsewhere or too large."""
    path = _resolved(file, name)
    found = file[path] if path else None
    if not isinstance(found, h5py.Dataset):
        raise BadInput(f"no dataset {name}")
    shape, kind = found.shape, found.dtype
    if shape is None or kind.kind not in kinds:
        raise BadInput(f"dataset {name} is of type {kind}")
    if found.is_virtual or found.external:
        raise BadInput(f"dataset {name} has its values in another file; copy them into this one")
    size, chunk = math.prod(shape), found.chunks or ()
    if max(size, math.prod(chunk)) > MAX_SITES:
        raise BadInput(f"dataset {name} of shape {[*shape]}, chunks {[*chunk]}, is too large (over {MAX_SITES} values)")
    if size * kind.itemsize > MAX_PACKING * file.id.get_filesize():
        raise BadInput(f"dataset {name} claims the shape {[*shape]}, for which the file is too small")
    return found


def read_chunks(file: h5py.File, path: Path, dataset: h5py.Dataset) -> np.ndarray:
    """A 2-d dataset; thousands of tiny uncompressed chunks (SPPARKS: 2 x 5) are gathered three times faster."""
    chunk = dataset.chunks
    if chunk is None or dataset.size < SMALL_CHUNKS * math.prod(chunk) or file.userblock_size:
        return dataset[()]
    if dataset.id.get_create_plist().get_nfilters():
        return dataset[()]
    chunks: list[Any] = []
    dataset.id.chunk_iter(chunks.append)
    start = np.array([chunk.byte_offset for chunk in chunks], np.int64)
    row, column = np.array([chunk.chunk_offset for chunk in chunks], np.int64).reshape(-1, 2).T
    (rows, columns), item = chunk, dataset.dtype.itemsize
    content = np.fromfile(path, np.uint8)
    if start.size == 0 or start.min() < 0 or start.max() + rows * columns * item > content.size or (start % item).any():
        return dataset[()]
    content = content[: content.size // item * item].view(dataset.dtype)
    block = content[(start // item)[:, None] + np.arange(rows * columns)]
    grid = [-(-size // step) for size, step in zip(dataset.shape, chunk, strict=True)]
    filled = np.full((grid[0], rows, grid[1], columns), dataset.fillvalue, dataset.dtype)
    filled[row // rows, :, column // columns] = block.reshape(-1, rows, columns)
    return filled.reshape(grid[0] * rows, grid[1] * columns)[: dataset.shape[0], : dataset.shape[1]]


def present(file: h5py.File, name: str) -> bool:
    """Whether a path leads to an object. Raises BadInput if it leaves the file."""
    return bool(_resolved(file, name))


def datasets(file: h5py.File, group: str = "/") -> list[str]:
    """The paths of all datasets at or below a group, sorted, each once. Raises BadInput for too many objects.

    Only hard links are followed: others lead out of the file, or to what is listed anyway.
    """
    paths: list[str] = []
    waiting, seen = [group], set()
    while waiting:
        place = waiting.pop()
        one = file[place]
        key = h5py.h5o.get_info(one.id).addr
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > MOST_OBJECTS:
            raise BadInput(f"more than {MOST_OBJECTS} groups and datasets; remove what is not needed")
        if isinstance(one, h5py.Dataset):
            paths.append(place.lstrip("/"))
        elif isinstance(one, h5py.Group):
            for name in one:
                if one.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD:
                    waiting.append(f"{place.rstrip('/')}/{name}")
    return sorted(paths)


def _resolved(file: h5py.File, name: str) -> str:
    """A path with its soft links replaced by where they lead; "" if it leads nowhere.

    Each link is looked at before it is followed: opening what an external link names could already hang. Raises
    BadInput for links that leave the file or form a loop.
    """
    links, path, left, followed = file.id.links, "", name.split("/"), 0
    while left:
        part, *left = left
        if part in ("", "."):
            continue
        step = f"{path}/{part}".encode()
        try:
            kind = links.get_info(step).type
        except (KeyError, RuntimeError):
            if links.exists(step):
                raise  # a damaged one
            return ""
        if kind == h5py.h5l.TYPE_HARD:
            path = step.decode()
        elif kind == h5py.h5l.TYPE_SOFT and followed < MOST_LINKS:
            target = links.get_val(step).decode()
            left, followed = [*target.split("/"), *left], followed + 1
            path = "" if target.startswith("/") else path
        else:
            raise BadInput(f"{name} is a link to another file, or one of a loop; copy what it leads to into this file")
    return path
