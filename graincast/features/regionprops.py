"""Area, perimeter and axis lengths of every grain of a label image, all grains at once.

The measures are those of scikit-image's `regionprops` (0.26) on each grain's centred mask: the grain unwrapped
across the periodic border, with empty pixels around it. The mask is cut on each axis independently:

- The coordinate starts after the longest run of empty rows (columns), taken circularly. Of equally long runs (only
  a disconnected grain has several), it is the one that gives the smaller variance of coordinates, then the first.
- A grain that occupies every row (column) spans the axis. It is cut opposite its circular mean, or at row (column) 0
  if it has none, like a straight band. If the cut falls exactly in the middle of a row (column), the row goes to
  the end, so the mirror image of such a grain may be cut one row apart.

The perimeter needs no cut: nothing touches across an empty row. A spanning grain has no edge on the axis that it
spans, so its perimeter is taken on the periodic image; only there does it differ from that of the cut mask, by
the two sides of the cut.

All sums run over the row runs of the labels; the perimeter visits border pixels only.
"""

import math

import numpy as np

from graincast.graphs.axes import PERIODIC, circular_mean, padded
from graincast.graphs.label_runs import as_int32, encode
from graincast.program.compiled import compiled

KEYS = (
    "area",
    "perimeter",
    "equivalent_diameter",
    "major_axis_length",
    "minor_axis_length",
    "centroid_row",
    "centroid_col",
)


def _perimeter_weights() -> np.ndarray:
    """Weight of a border pixel by its code: 1 + 2 for each border pixel beside it + 10 for each diagonal one.

    Benkrid and Crookes, "Design and FPGA implementation of a perimeter estimator", as in `skimage.measure.perimeter`.
    """
    weights = np.zeros(50)
    weights[[5, 7, 15, 17, 25, 27]] = 1
    weights[[21, 33]] = math.sqrt(2)
    weights[[13, 23]] = (1 + math.sqrt(2)) / 2
    return weights


PERIMETER_WEIGHTS = _perimeter_weights()


def measure(labels: np.ndarray, n: int, periodic: tuple[bool, ...] = PERIODIC) -> dict[str, np.ndarray]:
    """Shape of each of n grains, in pixels: a dict of float64 [n], with KEYS in that order.

    labels    integers [height, width]; node index + 1, or 0 where there is no grain
    periodic  for each axis, whether sites at one end touch those at the other

    area is a number of pixels, equivalent_diameter that of the circle of equal area, the axis lengths those of the
    ellipse of equal second moments (0 for a single pixel: pixels are points here); centroids are in the frame
    of `labels`, in [0, height) and [0, width).

    Raises ValueError if a label lies outside 0 … n or has no pixel.
    """
    labels = as_int32(labels)
    if labels.ndim != 2:
        raise ValueError(f"a label image must have two axes, not {labels.ndim}")
    labels = np.ascontiguousarray(padded(labels, periodic))
    height, width = labels.shape
    value, length = encode(labels)
    if value.size and not 0 <= value.min() <= value.max() <= n:
        wrong = value[(value < 0) | (value > n)][0]
        raise ValueError(f"label {wrong} lies outside 0 to {n}, the number of grains")
    row, first, last, grain = _row_runs(value, length, width)
    begin = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(grain, minlength=n), out=begin[1:])
    empty = np.flatnonzero(np.diff(begin) == 0)
    if empty.size:
        raise ValueError(f"label {empty[0] + 1} has no pixel ({empty.size} of {n} labels have none)")
    table = np.zeros((len(KEYS), n))
    _moments(row, first, last, grain, begin, height, width, table)
    _perimeters(labels, row, first, last, grain, PERIMETER_WEIGHTS, table[1])
    return dict(zip(KEYS, table, strict=True))


@compiled
def _row_runs(value, length, width):
    """Runs of grains, cut at row ends, in row-major order: row, first and last column, grain index."""
    count, at = 0, 0
    for i in range(value.size):
        if value[i] > 0:
            count += (at + length[i] - 1) // width - at // width + 1
        at += length[i]
    row, first = np.empty(count, np.int32), np.empty(count, np.int32)
    last, grain = np.empty(count, np.int32), np.empty(count, np.int32)
    run, at = 0, 0
    for i in range(value.size):
        stop = at + length[i]
        while at < stop and value[i] > 0:
            row[run], first[run] = at // width, at % width
            last[run] = min(first[run] + stop - at, width) - 1
            grain[run] = value[i] - 1
            at += last[run] - first[run] + 1
            run += 1
        at = stop
    return row, first, last, grain


@compiled
def _moments(row, first, last, grain, begin, height, width, table):
    """Fills all rows of the table except the perimeter. begin [n + 1] is where each grain's runs begin, once sorted."""
    n = begin.size - 1
    order, next_run = np.empty(grain.size, np.int64), begin[:-1].copy()
    for i in range(grain.size):
        order[next_run[grain[i]]] = i
        next_run[grain[i]] += 1
    in_row, in_col = np.zeros(height, np.int64), np.zeros(width + 1, np.int64)
    for g in range(n):
        runs = order[begin[g] : begin[g + 1]]
        in_row[:] = 0
        in_col[:] = 0
        for i in runs:
            in_row[row[i]] += last[i] - first[i] + 1
            in_col[first[i]] += 1
            in_col[last[i] + 1] -= 1
        for c in range(1, width):
            in_col[c] += in_col[c - 1]
        row_start, col_start = _start(in_row), _start(in_col[:width])
        area, r_sum, rr_sum = _sums(in_row, row_start)
        _, c_sum, cc_sum = _sums(in_col[:width], col_start)
        # About the integer nearest the centroid, so that sums are small enough to be exact.
        r_mid, c_mid = round(r_sum / area), round(c_sum / area)
        rc = 0
        for i in runs:
            r = (row[i] - row_start) % height - r_mid
            pixels = last[i] - first[i] + 1
            before = min(max(col_start - first[i], 0), pixels)  # pixels of the run that lie before the cut
            c = first[i] - col_start - c_mid  # unwrapped where the run does not begin before the cut
            rc += r * (pixels * c + pixels * (pixels - 1) // 2 + before * width)
        r_rest, c_rest = r_sum - area * r_mid, c_sum - area * c_mid
        rr = rr_sum - 2 * r_mid * r_sum + area * r_mid * r_mid
        cc = cc_sum - 2 * c_mid * c_sum + area * c_mid * c_mid
        scale = float(area) * area
        var_r = (float(area) * rr - float(r_rest) * r_rest) / scale
        var_c = (float(area) * cc - float(c_rest) * c_rest) / scale
        cov = (float(area) * rc - float(r_rest) * c_rest) / scale
        major = (var_r + var_c) / 2 + math.hypot((var_r - var_c) / 2, cov)
        # From the determinant: a difference of two nearly equal numbers loses a thin grain's width.
        minor = max(var_r * var_c - cov * cov, 0.0) / major if major > 0 else 0.0
        table[0, g] = area
        table[2, g] = math.sqrt(4 * area / math.pi)
        table[3, g] = 4 * math.sqrt(major)
        table[4, g] = 4 * math.sqrt(minor)
        table[5, g] = (row_start + r_sum / area) % height
        table[6, g] = (col_start + c_sum / area) % width


@compiled
def _start(count):
    """First coordinate of a grain on one axis. count [size] is its number of pixels in each row (column)."""
    size = count.size
    occupied = 0
    while count[occupied] == 0:
        occupied += 1
    longest, gap, best, variance = 0, 0, 0, -1.0
    for k in range(occupied + 1, occupied + size + 1):
        i = k if k < size else k - size
        if count[i] == 0:
            gap += 1
            continue
        if gap > longest:
            longest, best, variance = gap, i, -1.0
        elif gap > 0 and gap == longest:
            if variance < 0:
                variance = _scaled_variance(count, best)
            other = _scaled_variance(count, i)
            if other < variance or (other == variance and i < best):
                best, variance = i, other
        gap = 0
    return best if longest > 0 else _opposite_to_mean(count)


@compiled
def _scaled_variance(count, start):
    """Variance of the coordinates counted from start, times the area squared."""
    area, x_sum, xx_sum = _sums(count, start)
    return float(area) * xx_sum - float(x_sum) * x_sum


@compiled
def _opposite_to_mean(count):
    size = count.size
    mean = circular_mean(count)
    if math.isnan(mean):
        return 0
    # Half is rounded up with some slack, so that the cut of a symmetric grain moves with it.
    return math.floor(mean - (size - 1) / 2 + 0.5 + 1e-9) % size


@compiled
def _sums(count, start):
    """Number of pixels, sum and sum of squares of their coordinates counted from start."""
    size = count.size
    area, x_sum, xx_sum = 0, 0, 0
    for i in range(size):
        x = i - start if i >= start else i - start + size
        area += count[i]
        x_sum += count[i] * x
        xx_sum += count[i] * x * x
    return area, x_sum, xx_sum


@compiled
def _perimeters(labels, row, first, last, grain, weights, perimeter):
    """Adds each grain's perimeter. A border pixel has one of its four nearest neighbours outside its grain."""
    height, width = labels.shape
    border = np.zeros((height, width), np.int32)  # a border pixel's label, else 0
    for i in range(row.size):
        r, a, b, label = row[i], first[i], last[i], grain[i] + 1
        above, below = labels[r - 1], labels[r + 1 - height]  # negative indices wrap
        line = border[r]
        for c in range(a, b + 1):
            line[c] = label if (above[c] != label) | (below[c] != label) else 0
        if labels[r, a - 1] != label:
            line[a] = label
        if labels[r, b + 1 - width] != label:
            line[b] = label
    for i in range(row.size):
        r, label = row[i], grain[i] + 1
        above, line, below = border[r - 1], border[r], border[r + 1 - height]
        total = 0.0
        for c in range(first[i], last[i] + 1):
            if line[c] == 0:
                continue
            left, right = c - 1, c + 1 - width
            beside = (line[left] == label) + (line[right] == label) + (above[c] == label) + (below[c] == label)
            diagonal = (above[left] == label) + (above[right] == label)
            diagonal += (below[left] == label) + (below[right] == label)
            total += weights[1 + 2 * beside + 10 * diagonal]
        perimeter[grain[i]] += total
