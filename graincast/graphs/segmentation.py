"""Grains of a map of crystal orientations, and mean orientations of grains; both under the crystals' symmetry.

A grain is a set of sites of one phase, connected through neighbours in rows and columns that are misoriented by no more
than an angle. This is DefDAP's rule too, with which a test compares it.
"""

import math
from collections.abc import Mapping

import numpy as np

from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.graphs.orientations import symmetries
from graincast.program.compiled import compiled


def segmented(
    orientation: np.ndarray,
    phase: np.ndarray,
    laue: Mapping[int, int],
    misorientation: float,
    min_size: int,
    periodic: tuple[bool, ...] = (False, False),
) -> np.ndarray:
    """Labels int32 [height, width]: 1, 2, … in the order of each grain's first site; 0 where there is none.

    orientation     float [height, width, 4], quaternions of any length (graphs/orientations.py)
    phase           int [height, width]; sites of a phase that `laue` lacks are no grain, nor are those without a finite
                    orientation
    laue            the Laue group of each phase, an index of LAUE_GROUPS
    misorientation  the largest between neighbours of one grain, degrees
    min_size        grains of fewer sites become no grain
    """
    quaternion, known = _normalised(orientation)
    numbers = np.array(sorted(laue), np.int64)
    at = np.searchsorted(numbers, phase).clip(max=max(0, numbers.size - 1))
    known &= numbers[at] == phase if numbers.size else False
    group = np.where(known, at, -1).astype(np.int32)
    rotations, count = _tables()
    laue_of_group = np.array([laue[number] for number in numbers.tolist()] or [0], np.int64)
    half = math.cos(math.radians(misorientation) / 2)
    rows, columns = periodic
    parent = _joined(quaternion, group, laue_of_group, rotations, count, half, rows, columns)
    return _numbered(parent, group.ravel(), min_size).reshape(group.shape)


def mean_orientations(orientation: np.ndarray, labels: np.ndarray, laue: np.ndarray) -> np.ndarray:
    """The mean orientation of each grain, float64 [n, 4]; NaN for a grain of which no site has a finite one.

    orientation  float [height, width, 4]
    labels       int [height, width], node index + 1 or 0
    laue         int [n], the Laue group of each grain's crystal
    It is the normalised sum of the sites' quaternions, each replaced by the equivalent one that is closest to that of
    the grain's first site.
    """
    quaternion, known = _normalised(orientation)
    rotations, count = _tables()
    flat = np.where(known, labels, 0).ravel().astype(np.int64)
    total = _summed(quaternion.reshape(-1, 4), flat, np.asarray(laue, np.int64), rotations, count)
    with np.errstate(invalid="ignore"):
        return total / np.linalg.norm(total, axis=1, keepdims=True)


def _normalised(orientation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit quaternions, and where there is one; elsewhere they are zero."""
    quaternion = np.ascontiguousarray(orientation, np.float64)
    with np.errstate(all="ignore"):
        quaternion = quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True)
    known = np.isfinite(quaternion).all(axis=-1)
    quaternion[~known] = 0
    return quaternion, known


def _tables() -> tuple[np.ndarray, np.ndarray]:
    """The rotations of all Laue groups, float64 [groups, 24, 4], and their number, int64 [groups]."""
    each = [symmetries(laue) for laue in range(len(LAUE_GROUPS))]
    rotations = np.zeros((len(each), max(map(len, each)), 4))
    for laue, one in enumerate(each):
        rotations[laue, : len(one)] = one
    return rotations, np.array([len(one) for one in each], np.int64)


@compiled
def _closest(a, b, rotations, count):
    """The rotation s for which s b is closest to a, and the cosine of half the angle between them, which may be < 0."""
    ax, ay, az, aw = a[0], a[1], a[2], a[3]
    bx, by, bz, bw = b[0], b[1], b[2], b[3]
    # a times the inverse of b
    x = -aw * bx + ax * bw - ay * bz + az * by
    y = -aw * by + ax * bz + ay * bw - az * bx
    z = -aw * bz - ax * by + ay * bx + az * bw
    w = aw * bw + ax * bx + ay * by + az * bz
    best, cosine = 0, 0.0
    for s in range(count):
        one = x * rotations[s, 0] + y * rotations[s, 1] + z * rotations[s, 2] + w * rotations[s, 3]
        if abs(one) > abs(cosine):
            best, cosine = s, one
    return best, cosine


@compiled
def _root(parent, site):
    while parent[site] != site:
        parent[site] = parent[parent[site]]
        site = parent[site]
    return site


@compiled
def _joined(quaternion, group, laue, rotations, count, half, rows, columns):
    """The parent of each site in a forest whose trees are the grains; a root is the first site of its tree."""
    height, width = group.shape
    parent = np.arange(height * width).astype(np.int32)
    for r in range(height):
        for c in range(width):
            if group[r, c] < 0:
                continue
            of = laue[group[r, c]]
            for down, right in ((0, 1), (1, 0)):
                r2, c2 = r + down, c + right
                if (r2 == height and not rows) or (c2 == width and not columns):
                    continue
                r2, c2 = r2 % height, c2 % width
                if group[r2, c2] != group[r, c]:
                    continue
                _, cosine = _closest(quaternion[r, c], quaternion[r2, c2], rotations[of], count[of])
                if abs(cosine) >= half:
                    a, b = _root(parent, r * width + c), _root(parent, r2 * width + c2)
                    parent[max(a, b)] = min(a, b)
    return parent


@compiled
def _numbered(parent, group, min_size):
    """Labels of the trees of at least so many sites, in the order of their roots."""
    sites = np.zeros(parent.size, np.int32)
    for site in range(parent.size):
        parent[site] = _root(parent, site)
        sites[parent[site]] += 1
    labels = np.zeros(parent.size, np.int32)
    n = 0
    for site in range(parent.size):
        root = parent[site]
        if group[site] >= 0 and sites[root] >= min_size:
            if root == site:
                n += 1
                labels[site] = n
            else:
                labels[site] = labels[root]
    return labels


@compiled
def _summed(quaternion, label, laue, rotations, count):
    total = np.zeros((laue.size, 4))
    first = np.full(laue.size, -1)
    for site in range(label.size):
        grain = label[site] - 1
        if grain < 0:
            continue
        if first[grain] < 0:
            first[grain] = site
        of = laue[grain]
        best, cosine = _closest(quaternion[first[grain]], quaternion[site], rotations[of], count[of])
        sign = 1.0 if cosine >= 0 else -1.0
        sx, sy, sz, sw = rotations[of, best]
        x, y, z, w = quaternion[site]
        total[grain, 0] += sign * (sw * x + sx * w + sy * z - sz * y)
        total[grain, 1] += sign * (sw * y - sx * z + sy * w + sz * x)
        total[grain, 2] += sign * (sw * z + sx * y - sy * x + sz * w)
        total[grain, 3] += sign * (sw * w - sx * x - sy * y - sz * z)
    return total
