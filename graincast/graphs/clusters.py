"""Clusters: connected sites of one value, and which of them is which in the next image of a growth run.

Where a Potts model has few spins, a grain is not a spin but a cluster of sites of like spin.
"""

import numpy as np

from graincast.graphs.axes import PERIODIC
from graincast.program.compiled import compiled


def clusters(values: np.ndarray, periodic: tuple[bool, ...] = PERIODIC) -> np.ndarray:
    """The clusters of an image, int32 [height, width]: 1, 2, … in the order of their first sites; 0 where values are 0.

    values    integers [height, width]
    periodic  for each axis, whether sites at one end touch those at the other

    Sites of one value are connected where they are first or second neighbours, as in the Potts model with 8 neighbours.
    """
    return _clusters(np.ascontiguousarray(values, dtype=np.int64), *periodic)


def followed(grains: np.ndarray, before: np.ndarray, after: np.ndarray, parts: np.ndarray) -> tuple[np.ndarray, str]:
    """The grains of the next image, int32 [height, width], and why they cannot be told; "" if they can.

    grains         int [height, width], each site's grain in the image before; 0 in none
    before, after  integers [height, width], the values of both images
    parts          int32 [height, width], the clusters of `after`

    A grain is the cluster of the same value that lies on some of its sites. A grain of which no site has kept its value
    is gone, and a cluster that lies on no grain belongs to none. Where two clusters lie on one grain, it has split, or
    one of them has come from elsewhere; where one cluster lies on two grains, they have merged, or one is gone.
    """
    stays = (grains > 0) & (before == after)
    width = int(parts.max()) + 1
    grain, part = np.divmod(np.unique(grains[stays].astype(np.int64) * width + parts[stays]), width)
    split = grain[1:][grain[1:] == grain[:-1]]
    if split.size:
        return grains, f"grain {split[0]} has split"
    order = np.argsort(part, kind="stable")
    merged = np.flatnonzero(np.diff(part[order]) == 0)
    if merged.size:
        first, second = grain[order[merged[0] : merged[0] + 2]]
        return grains, f"grains {first} and {second} have merged"
    of_part = np.zeros(width, np.int32)
    of_part[part] = grain
    return of_part[parts], ""


@compiled
def _clusters(values, wraps_rows, wraps_columns):
    height, width = values.shape
    root = np.arange(values.size)
    for r in range(height):
        for c in range(width):
            value = values[r, c]
            if value == 0:
                continue
            for down, right in ((0, 1), (1, -1), (1, 0), (1, 1)):
                row, column = r + down, c + right
                if (row == height and not wraps_rows) or (not 0 <= column < width and not wraps_columns):
                    continue
                row, column = row % height, column % width
                if values[row, column] == value:
                    a, b = _root(root, r * width + c), _root(root, row * width + column)
                    root[max(a, b)] = min(a, b)
    labels = np.zeros(values.shape, np.int32)
    count = 0
    for i in range(values.size):
        r, c = i // width, i % width
        if values[r, c] != 0:
            first = _root(root, i)
            if first == i:
                count += 1
                labels[r, c] = count
            else:
                labels[r, c] = labels[first // width, first % width]
    return labels


@compiled
def _root(root, i):
    while root[i] != i:
        root[i] = root[root[i]]
        i = root[i]
    return i
