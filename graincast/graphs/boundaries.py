"""Grain boundaries of a label image: adjacent grains and their boundary lengths."""

import functools
from typing import Any

import numpy as np

from graincast.graphs.axes import PERIODIC, padded
from graincast.program.compiled import compiled

DENSE = 1024  # up to this many grains, pairs are counted in a dense matrix
BLOCK = 2**21  # sites whose pairs are held at once
CHUNK = 16  # sites compared at once; chunks without a boundary are skipped


def adjacency(labels: np.ndarray, n: int, periodic: tuple[bool, ...] = PERIODIC) -> tuple[np.ndarray, np.ndarray]:
    """Adjacent pairs of n grains: edges int32 [m, 2] (source, target), boundary_length int32 [m].

    labels    int32 [height, width]; node index + 1, or 0 where there is no grain
    periodic  for each axis, whether sites at one end touch those at the other

    Edges are node indices, both directions, in lexicographic order, no self loops. A boundary's length is its number
    of unlike pairs of first- and second-neighbour sites, each pair counted once: the energy of the Potts model with
    8 neighbours. On an axis of two sites, the neighbours to either side are one site, which counts once. Raises
    ValueError if a label lies outside 0 … n.
    """
    labels = np.ascontiguousarray(labels, dtype=np.int32)
    if labels.ndim != 2:
        raise ValueError(f"a label image must have two axes, not {labels.ndim}")
    labels = padded(labels, periodic, 1)
    height, width = labels.shape
    rows = max(1, BLOCK // max(1, width))
    firsts = range(0, max(1, height), rows)
    counted = [_counted(labels, n, first, min(first + rows, height)) for first in firsts]
    if n <= DENSE:
        lengths = functools.reduce(np.add, counted)
        lengths += lengths.T
        source, target = np.nonzero(lengths)
        length = lengths[source, target]
    else:
        key, which = np.unique(np.concatenate([key for key, _ in counted]), return_inverse=True)
        pair_length = np.zeros(key.size, np.int64)
        np.add.at(pair_length, which, np.concatenate([count for _, count in counted]))
        low, high = key // n, key % n
        source, target = np.concatenate([low, high]), np.concatenate([high, low])
        order = np.lexsort((target, source))
        source, target, length = source[order], target[order], np.concatenate([pair_length, pair_length])[order]
    return np.stack([source, target], axis=1).astype(np.int32), length.astype(np.int32)


def _counted(labels: np.ndarray, n: int, first: int, last: int) -> Any:
    """The number of unlike pairs of sites from rows first … last - 1 and below: int [n, n], or (key, number) if sparse.

    A pair is at [lower node, higher node], or its key is lower * n + higher. Raises ValueError for an invalid label.
    """
    low, high, valid = (_unlike_pairs if min(labels.shape) > 2 else _unlike_pairs_of_narrow)(labels, n, first, last)
    if not valid:
        raise ValueError(f"labels lie outside 0 to {n}, the number of grains")
    key = low.astype(np.int64) * n + high
    if n <= DENSE:
        return np.bincount(key, minlength=n * n).reshape(n, n)
    return np.unique(key, return_counts=True)


@compiled
def _unlike_pairs(labels, n, first, last):
    """Node indices (lower, higher) of each unlike pair of sites in rows first … last - 1 and below, both in a grain.

    The third value is whether all labels lie in 0 … n: an invalid label appears at a boundary, or fills the image.
    """
    height, width = labels.shape
    valid = labels.size == 0 or 0 <= labels[first, 0] <= n
    low, high = np.empty(8 * width + 1024, np.int32), np.empty(8 * width + 1024, np.int32)
    count = 0
    for r in range(first, last):
        if low.size - count < 4 * width:
            low, high = _doubled(low), _doubled(high)
        here, below = labels[r], labels[(r + 1) % height]
        any_grain = np.int32(0)
        for c in range(width):
            any_grain |= here[c]
        if any_grain == 0:  # most rows of a graph that was cut
            continue
        c = 0
        while c < width:
            stop = min(c + CHUNK, width)
            if c > 0 and c + CHUNK < width:
                site, right = here[c:stop], here[c + 1 : stop + 1]
                left_below, below_it, right_below = below[c - 1 : stop - 1], below[c:stop], below[c + 1 : stop + 1]
                unlike = np.int32(0)
                for j in range(CHUNK):
                    a = site[j]
                    unlike |= (a ^ right[j]) | (a ^ left_below[j]) | (a ^ below_it[j]) | (a ^ right_below[j])
                if unlike == 0:
                    c = stop
                    continue
            for j in range(c, stop):
                a = here[j]
                if a <= 0 or a > n:
                    valid &= a == 0
                    continue
                after = j + 1 if j + 1 < width else 0
                for b in (here[after], below[j - 1 if j else width - 1], below[j], below[after]):
                    if b != a and 0 < b <= n:
                        low[count], high[count] = min(a, b) - 1, max(a, b) - 1
                        count += 1
            c = stop
    return low[:count], high[:count], valid


@compiled
def _unlike_pairs_of_narrow(labels, n, first, last):
    """As `_unlike_pairs`, for a lattice with an axis of one or two sites, where neighbours to either side are one."""
    height, width = labels.shape
    low, high = np.empty(8 * width + 1024, np.int32), np.empty(8 * width + 1024, np.int32)
    count, valid = 0, True
    for r in range(first, last):
        if low.size - count < 4 * width:
            low, high = _doubled(low), _doubled(high)
        for c in range(width):
            a = labels[r, c]
            valid &= 0 <= a <= n
            for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
                beyond = (r + down >= height and height < 3) or (c + right >= width and width < 3 and not down)
                again = (right < 0 and width < 3) or (right and width < 2)
                b = labels[(r + down) % height, (c + right) % width]
                if not (beyond or again) and a != b and 0 < a <= n and 0 < b <= n:
                    low[count], high[count] = min(a, b) - 1, max(a, b) - 1
                    count += 1
    return low[:count], high[:count], valid


@compiled
def _doubled(array):
    larger = np.empty(2 * array.size, array.dtype)
    larger[: array.size] = array
    return larger
