"""Periodic axes: circular means of sites, and label images rolled to centre a grain."""

import math

import numpy as np

from graincast.program.compiled import compiled

UNDEFINED = 1e-9
"""If the mean unit vector is shorter than this, the sites lie evenly around the axis and have no circular mean."""


@compiled
def unit_circle(size):
    """Cosine and sine of each of `size` positions around a periodic axis, float64 [size] each."""
    angle = 2 * math.pi * np.arange(size) / size
    return np.cos(angle), np.sin(angle)


@compiled
def mean_position(x, y, count, size):
    """The circular mean in (-size/2, size/2] of `count` sites whose unit vectors sum to (x, y); NaN if undefined."""
    if math.hypot(x, y) < UNDEFINED * count:
        return math.nan
    return math.atan2(y, x) * size / (2 * math.pi)


@compiled
def circular_mean(count):
    """The circular mean in (-size/2, size/2] of sites, from their number at each position [size]; NaN if undefined."""
    size = count.size
    x, y, total = 0.0, 0.0, 0
    for i in range(size):
        angle = 2 * math.pi * i / size
        x += count[i] * math.cos(angle)
        y += count[i] * math.sin(angle)
        total += count[i]
    return mean_position(x, y, total, size)


def centred(labels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A periodic label image [height, width] rolled to centre a mask (bool, same shape).

    The result does not depend on where on the lattice the mask lies.
    """
    shift = [size // 2 - _middle(mask.sum(axis=1 - axis)) for axis, size in enumerate(labels.shape)]
    return np.roll(labels, shift, axis=(0, 1))


def on_boundary(labels: np.ndarray) -> np.ndarray:
    """Sites whose lower or right neighbour belongs to another grain, bool [height, width]; periodic."""
    return (labels != np.roll(labels, -1, axis=0)) | (labels != np.roll(labels, -1, axis=1))


def _middle(count: np.ndarray) -> int:
    """The site nearest the circular mean; 0 if undefined.

    Just above one half still rounds down, so that rounding errors do not decide when the mean is midway between sites.
    """
    mean = circular_mean(count)
    return 0 if math.isnan(mean) else math.floor(mean + 0.5 - 1e-6) % count.size
