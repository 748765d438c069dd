"""Patches: small images of single grains and of grain boundaries, cut in bulk from label images.

A grain's patch is a 96 x 96 window centred on the grain: its sites in the grey level of its type, all else 0. A
boundary's patch is a 48 x 48 window centred on the boundary: the sites of its two grains in the grey levels of their
types, raised where a site of one touches the other (first and second neighbours), all else 0. Both directions of an
edge share one patch.

The centre of a set of sites is their circular mean on each axis, rounded half up, so a patch moves with its grain
across the periodic border; it lies at index size / 2 of the window. A set without a circular mean on an axis (a
straight band that spans it, two equal pieces half a lattice apart) has its centre at row (column) 0. If the window is
larger than the lattice, each site appears once. A grain or boundary without sites in the image has an empty patch.
"""

import math

import numpy as np

from graincast.graphs.axes import PERIODIC, mean_position, padded, unit_circle
from graincast.graphs.palette import PATCH_GREY, PATCH_RAISED
from graincast.program.compiled import compiled

GRAIN, BOUNDARY = "grain", "boundary"
KINDS = (GRAIN, BOUNDARY)
WINDOW = {GRAIN: 96, BOUNDARY: 48}


def grains(
    labels: np.ndarray,
    grain_type: np.ndarray,
    window: int = WINDOW[GRAIN],
    periodic: tuple[bool, ...] = PERIODIC,
) -> np.ndarray:
    """The patches of n grains, uint8 [n, window, window].

    labels      int32 [height, width]; node index + 1, or 0 for no grain
    grain_type  int8 [n]
    periodic    for each axis, whether sites at one end touch those at the other
    """
    labels = _with_margin(labels, periodic, window)
    image = np.zeros((grain_type.size, window, window), np.uint8)
    centre = _grain_centres(labels, grain_type.size)
    no_other = np.full(grain_type.size, -1, np.int64)
    _fill(labels, np.arange(grain_type.size), no_other, centre, _grey(grain_type), image)
    return image


def boundaries(
    labels: np.ndarray,
    grain_type: np.ndarray,
    pairs: np.ndarray,
    window: int = WINDOW[BOUNDARY],
    periodic: tuple[bool, ...] = PERIODIC,
) -> np.ndarray:
    """The patches of p boundaries, uint8 [p, window, window].

    pairs   int [p, 2], nodes (lower, higher), sorted and unique, as `undirected` returns them
    """
    labels = _with_margin(labels, periodic, window)
    image = np.zeros((len(pairs), window, window), np.uint8)
    low, high = (np.ascontiguousarray(column, dtype=np.int64) for column in pairs.T)
    first = np.searchsorted(low, np.arange(grain_type.size + 1))
    touching = _touching(labels, first, high)
    height, width = labels.shape
    centre = _centres(touching, len(pairs), height, width)
    _fill(labels, low, high, centre, _grey(grain_type), image)
    _raise(touching, centre, height, width, image)
    return image


def _with_margin(labels: np.ndarray, periodic: tuple[bool, ...], window: int) -> np.ndarray:
    """Labels int32 with empty sites at non-periodic ends, enough that no window reaches from one to the other."""
    return np.ascontiguousarray(padded(labels, periodic, max(window, *labels.shape)), dtype=np.int32)


def undirected(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unique boundaries, int [p, 2] (lower, higher node), sorted, and the boundary of each edge, int64 [m].

    edges   int [m, 2], directed
    """
    pairs, pair_of_edge = np.unique(np.sort(edges.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    return pairs, pair_of_edge.reshape(-1)


def _grey(grain_type: np.ndarray) -> np.ndarray:
    levels = np.zeros(max(PATCH_GREY) + 1, np.uint8)
    levels[list(PATCH_GREY)] = list(PATCH_GREY.values())
    return levels[grain_type]


@compiled
def _grain_centres(labels, n):
    """The centre of each grain, int64 [n, 2]; -1 without sites."""
    height, width = labels.shape
    cos_row, sin_row = unit_circle(height)
    cos_col, sin_col = unit_circle(width)
    sums = np.zeros((n, 4))
    count = np.zeros(n, np.int64)
    for r in range(height):
        line = labels[r]
        for c in range(width):
            if line[c] > 0:
                g = line[c] - 1
                count[g] += 1
                sums[g, 0] += cos_row[r]
                sums[g, 1] += sin_row[r]
                sums[g, 2] += cos_col[c]
                sums[g, 3] += sin_col[c]
    return _rounded(sums, count, height, width)


@compiled
def _centres(touching, n, height, width):
    """The centre of each boundary, int64 [n, 2]; -1 without sites."""
    cos_row, sin_row = unit_circle(height)
    cos_col, sin_col = unit_circle(width)
    sums = np.zeros((n, 4))
    count = np.zeros(n, np.int64)
    for i in range(len(touching)):
        pair, r, c = touching[i, 0], touching[i, 1], touching[i, 2]
        count[pair] += 1
        sums[pair, 0] += cos_row[r]
        sums[pair, 1] += sin_row[r]
        sums[pair, 2] += cos_col[c]
        sums[pair, 3] += sin_col[c]
    return _rounded(sums, count, height, width)


@compiled
def _rounded(sums, count, height, width):
    centre = np.empty((count.size, 2), np.int64)
    for i in range(count.size):
        for axis, size in ((0, height), (1, width)):
            mean = mean_position(sums[i, 2 * axis], sums[i, 2 * axis + 1], count[i], size)
            if count[i] == 0:
                centre[i, axis] = -1
            elif math.isnan(mean):
                centre[i, axis] = 0
            else:
                # Round half up with a tolerance, so that a symmetric grain's centre moves with it
                centre[i, axis] = math.floor(mean + 0.5 + 1e-9) % size
    return centre


@compiled
def _touching(labels, first, high):
    """Sites next to a neighbouring grain, int32 [sites, 3]: boundary, row, column; each boundary and site once.

    first [n + 1], high [p]: the boundaries of lower node i are first[i] to first[i + 1] - 1; high is their higher node.
    """
    height, width = labels.shape
    sites = np.empty((16 * width + 1024, 3), np.int32)
    count = 0
    for r in range(height):
        if len(sites) - count < 8 * width:
            larger = np.empty((2 * len(sites), 3), np.int32)
            larger[:count] = sites[:count]
            sites = larger
        above, here, below = labels[r - 1], labels[r], labels[(r + 1) % height]  # negative indices wrap
        for c in range(width):
            a = here[c]
            if a == 0:
                continue
            left, right = c - 1, c + 1 if c + 1 < width else 0
            unlike = (above[left] ^ a) | (above[c] ^ a) | (above[right] ^ a) | (here[left] ^ a)
            unlike |= (here[right] ^ a) | (below[left] ^ a) | (below[c] ^ a) | (below[right] ^ a)
            if unlike == 0:
                continue
            site_start = count
            for b in (
                above[left],
                above[c],
                above[right],
                here[left],
                here[right],
                below[left],
                below[c],
                below[right],
            ):
                if b == a or b == 0:
                    continue
                lower, higher = min(a, b) - 1, max(a, b) - 1
                for pair in range(first[lower], first[lower + 1]):
                    if high[pair] == higher:
                        new = True
                        for k in range(site_start, count):
                            new &= sites[k, 0] != pair
                        if new:
                            sites[count, 0], sites[count, 1], sites[count, 2] = pair, r, c
                            count += 1
    return sites[:count]


@compiled
def _fill(labels, node, other, centre, grey, image):
    """Paint the sites of grains node[i] and other[i] (-1: none) that lie in the window around centre[i]."""
    height, width = labels.shape
    window = image.shape[1]
    # The extent of the window, or of the lattice if that is smaller
    row_from, row_to = -(min(window, height) // 2), (min(window, height) + 1) // 2
    col_from, col_to = -(min(window, width) // 2), (min(window, width) + 1) // 2
    for i in range(len(image)):
        if centre[i, 0] < 0:
            continue
        a, b = node[i] + 1, other[i] + 1
        level_a, level_b = grey[node[i]], grey[other[i]] if other[i] >= 0 else 0
        c = (centre[i, 1] + col_from) % width
        before_end = min(width - c, col_to - col_from)
        for d in range(row_from, row_to):
            line = labels[(centre[i, 0] + d) % height]
            target = image[i, window // 2 + d]
            start = window // 2 + col_from
            for k in range(before_end):
                label = line[c + k]
                target[start + k] = level_a if label == a else (level_b if label == b and b > 0 else 0)
            for k in range(before_end, col_to - col_from):
                label = line[c + k - width]
                target[start + k] = level_a if label == a else (level_b if label == b and b > 0 else 0)


@compiled
def _raise(touching, centre, height, width, image):
    window = image.shape[1]
    for i in range(len(touching)):
        pair = touching[i, 0]
        r = (touching[i, 1] - centre[pair, 0] + height // 2) % height - height // 2 + window // 2
        c = (touching[i, 2] - centre[pair, 1] + width // 2) % width - width // 2 + window // 2
        if 0 <= r < window and 0 <= c < window:
            image[pair, r, c] += PATCH_RAISED
