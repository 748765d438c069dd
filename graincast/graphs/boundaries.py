"""Grain boundaries of a label image: adjacent grains and their boundary lengths."""

import numpy as np

from graincast.graphs.axes import PERIODIC, padded
from graincast.program.compiled import compiled

DENSE = 1024  # up to this many grains, pairs are counted in a dense matrix
BLOCK = 2**21  # sites whose pairs are held at once


def adjacency(
    labels: np.ndarray, n: int, periodic: tuple[bool, ...] = PERIODIC, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Adjacent pairs of n grains: edges int32 [m, 2] (source, target), boundary_length int32 [m].

    labels    int32 [height, width]; node index + 1, or 0 where there is no grain
    periodic  for each axis, whether sites at one end touch those at the other
    rows      bool [height], false where a row is known to hold no grain, and is left out; None: all may hold one

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
    rows = np.ones(height, np.bool_) if rows is None else rows
    step = max(1, BLOCK // max(1, width))
    blocks = (_keys(labels, n, rows, first, min(first + step, height)) for first in range(0, max(1, height), step))
    if n <= DENSE:
        table = np.zeros((n, n), np.int32)
        for keys in blocks:
            _count(keys, table.reshape(-1))
        return _listed(table)
    counted = [np.unique(keys, return_counts=True) for keys in blocks]
    key, which = np.unique(np.concatenate([key for key, _ in counted]), return_inverse=True)
    length = np.zeros(key.size, np.int32)
    np.add.at(length, which, np.concatenate([count for _, count in counted]))
    low, high = key // n, key % n
    edges = np.concatenate([np.stack([low, high], axis=1), np.stack([high, low], axis=1)]).astype(np.int32)
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    return edges[order], np.concatenate([length, length])[order]


def _keys(labels: np.ndarray, n: int, rows: np.ndarray, first: int, last: int) -> np.ndarray:
    """A key for each unlike pair of sites in rows first … last - 1 and below: lower node * n + higher node."""
    find = _unlike_pairs if min(labels.shape) > 2 else _unlike_pairs_of_narrow
    keys, valid = find(labels, n, rows, first, last)
    if not valid:
        raise ValueError(f"labels lie outside 0 to {n}, the number of grains")
    return keys


@compiled
def _count(keys, table):
    for key in keys:
        table[key] += 1


@compiled
def _listed(table):
    """The edges of a table of lengths [lower node, higher node], both directions in order, and their lengths."""
    n, count = table.shape[0], 0
    for a in range(n):
        for b in range(a + 1, n):
            if table[a, b] > 0:
                table[b, a] = table[a, b]
                count += 2
    edges, length = np.empty((count, 2), np.int32), np.empty(count, np.int32)
    i = 0
    for a in range(n):
        for b in range(n):
            if table[a, b] > 0:
                edges[i, 0], edges[i, 1], length[i] = a, b, table[a, b]
                i += 1
    return edges, length


@compiled
def _unlike_pairs(labels, n, rows, first, last):
    """The key of each unlike pair of sites in rows first … last - 1 and below, both in a grain, as `_keys` has it.

    Rows are left out where `rows` is false, and beyond its end, where `padded` added one. The second value is whether
    all labels of the others, and of the rows below them, lie in 0 … n.
    """
    height, width = labels.shape
    keys, count = np.empty(4 * width + 1024, np.int64), 0
    highest = np.uint32(0)
    eights = np.zeros(width // 8 + 1, np.uint64)  # the sites of a row, eight at once
    unlike = eights.view(np.bool_)
    at_boundary = np.empty(width + 8, np.int64)
    for r in range(first, min(last, rows.size)):
        if not rows[r]:
            continue
        while keys.size - count < 4 * width:
            keys = _doubled(keys)
        here, below = labels[r], labels[(r + 1) % height]
        highest = max(highest, _differing(here, below, unlike))
        found = 0
        for i in range(eights.size):
            if eights[i] != 0:
                for j in range(8 * i, 8 * i + 8):
                    at_boundary[found] = j
                    found += unlike[j]
        for i in range(found):
            j = at_boundary[i]
            before, after = (j if j else width) - 1, j + 1 if j + 1 < width else 0
            a = here[j]
            for b in (here[after], below[before], below[j], below[after]):
                keys[count] = (min(a, b) - 1) * n + max(a, b) - 1
                count += (b != a) & (b != 0)
    return keys[:count], highest <= n


@compiled
def _differing(here, below, unlike):
    """Mark the grains' sites in a row that differ from one to the right or below; the highest label of both rows.

    The first and the last site of the row are marked in any case. Labels below zero are the highest, as numbers without
    a sign. A function of its own, as it then compiles to vector code.
    """
    last = here.size - 1
    highest = max(np.uint32(here[0]), np.uint32(here[last]), np.uint32(below[0]), np.uint32(below[last]))
    unlike[0], unlike[last] = here[0] != 0, here[last] != 0
    for j in range(1, last):
        a, b = here[j], below[j]
        highest = max(highest, max(np.uint32(a), np.uint32(b)))
        unlike[j] = (a != 0) & ((a != here[j + 1]) | (a != below[j - 1]) | (a != b) | (a != below[j + 1]))
    return highest


@compiled
def _unlike_pairs_of_narrow(labels, n, rows, first, last):
    """As `_unlike_pairs`, for a lattice with an axis of one or two sites, where neighbours to either side are one."""
    height, width = labels.shape
    keys, count, valid = np.empty(4 * width + 1024, np.int64), 0, True
    for r in range(first, min(last, rows.size)):
        if not rows[r]:
            continue
        while keys.size - count < 4 * width:
            keys = _doubled(keys)
        for c in range(width):
            a = labels[r, c]
            valid &= 0 <= a <= n
            for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
                beyond = (r + down >= height and height < 3) or (c + right >= width and width < 3 and not down)
                again = (right < 0 and width < 3) or (right and width < 2)
                b = labels[(r + down) % height, (c + right) % width]
                if not (beyond or again) and a != b and 0 < a <= n and 0 < b <= n:
                    keys[count] = (min(a, b) - 1) * n + max(a, b) - 1
                    count += 1
    return keys[:count], valid


@compiled
def _doubled(array):
    larger = np.empty(2 * array.size, array.dtype)
    for i in range(array.size):  # assigning a slice takes two seconds to compile
        larger[i] = array[i]
    return larger
