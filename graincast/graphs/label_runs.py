"""Row-major run-length encoding of label images; runs may continue past row ends."""

import math

import numpy as np

from graincast.program.compiled import compiled

CHUNK = 32  # pixels compared at once; chunks without a label change are skipped


def encode(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run-length encoding of an image: value int32 [r], length int32 [r]; successive values differ.

    labels   integers [height, width] (or any shape), read row by row; values and size must fit int32

    Raises ValueError if the labels are not integers or do not fit.
    """
    labels = as_int32(labels)
    if labels.size > np.iinfo(np.int32).max:
        raise ValueError(f"an image of {labels.size} pixels is too large to encode")
    return _encode(labels.reshape(-1))


def decode(value: np.ndarray, length: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Label image int32 `shape` from its run-length encoding: the inverse of `encode`.

    Raises ValueError if the runs do not fill that shape.
    """
    value, length = as_int32(value), as_int32(length)
    if value.ndim != 1 or value.shape != length.shape:
        raise ValueError(f"run values {value.shape} and lengths {length.shape} do not match")
    if length.size and length.min() < 1:
        raise ValueError("run lengths must be at least 1")
    total, size = int(length.sum(dtype=np.int64)), math.prod(shape)
    if total != size:
        raise ValueError(f"runs of {total} pixels cannot fill an image of shape {tuple(shape)}, {size} pixels")
    return _decode(value, length, size).reshape(shape)


def as_int32(array: np.ndarray) -> np.ndarray:
    """`array` as contiguous int32, uncopied if it already is. Raises ValueError if a value would change."""
    array = np.asarray(array)
    if array.dtype.kind not in "iu" and array.size:
        raise ValueError(f"expected integers, not {array.dtype}")
    info = np.iinfo(np.int32)
    if not np.can_cast(array.dtype, np.int32) and array.size and (array.min() < info.min or array.max() > info.max):
        raise ValueError("values do not fit int32")
    return np.ascontiguousarray(array, dtype=np.int32)


@compiled
def _encode(flat):
    size = flat.size
    if size == 0:
        return np.empty(0, np.int32), np.empty(0, np.int32)
    runs = _changes(flat) + 1
    value, length = np.empty(runs, np.int32), np.empty(runs, np.int32)
    run, start = 0, 0
    for i in range(1, size, CHUNK):
        stop = min(i + CHUNK, size)
        if _changes(flat[i - 1 : stop]) == 0:
            continue
        for j in range(i, stop):
            if flat[j] != flat[j - 1]:
                value[run], length[run] = flat[j - 1], j - start
                run += 1
                start = j
    value[run], length[run] = flat[size - 1], size - start
    return value, length


@compiled
def _changes(flat):
    """Number of changes between successive pixels; a separate function, as it then compiles to vector code."""
    changes = 0
    for i in range(1, flat.size):
        changes += flat[i] != flat[i - 1]
    return changes


@compiled
def _decode(value, length, size):
    flat = np.empty(size, np.int32)
    start = 0
    for run in range(value.size):
        flat[start : start + length[run]] = value[run]
        start += length[run]
    return flat
