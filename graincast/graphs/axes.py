"""The axes of label images, periodic or not: circular means of sites, and images rolled to centre a grain.

A non-periodic axis is a periodic one with empty sites between its ends, so only `padded` tells them apart.
"""

import math

import numpy as np

from graincast.program.compiled import compiled

PERIODIC = (True, True)
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


def padded(labels: np.ndarray, periodic: tuple[bool, ...], margin: int | None = None) -> np.ndarray:
    """Labels with `margin` empty sites (0) at the end of each non-periodic axis; None: as many as the axis has.

    With a margin of its own length, a non-periodic axis has circular means and centres that do not see its ends.
    """
    if all(periodic):
        return labels
    sizes = [
        0 if wraps else (size if margin is None else margin) for wraps, size in zip(periodic, labels.shape, strict=True)
    ]
    return np.pad(labels, [(0, size) for size in sizes])


def centred(labels: np.ndarray, mask: np.ndarray, periodic: tuple[bool, ...] = PERIODIC) -> np.ndarray:
    """A label image [height, width] moved to centre a mask (bool, same shape); empty (0) beyond non-periodic ends.

    The result does not depend on where on a periodic lattice the mask lies.
    """
    wide, shape = padded(labels, periodic), labels.shape
    inside = padded(mask, periodic)
    shift = [size // 2 - _middle(inside.sum(axis=1 - axis)) for axis, size in enumerate(wide.shape)]
    moved = np.roll(wide, shift, axis=(0, 1))
    first = [large // 2 - size // 2 for large, size in zip(wide.shape, shape, strict=True)]
    return moved[first[0] : first[0] + shape[0], first[1] : first[1] + shape[1]]


def on_boundary(labels: np.ndarray, periodic: tuple[bool, ...] = PERIODIC) -> np.ndarray:
    """Sites whose lower or right neighbour belongs to another grain, bool [height, width]."""
    unlike = np.zeros(labels.shape, bool)
    for axis, wraps in enumerate(periodic):
        beyond = labels != np.roll(labels, -1, axis)
        if not wraps:
            beyond[(slice(None),) * axis + (-1,)] = False
        unlike |= beyond
    return unlike


def _middle(count: np.ndarray) -> int:
    """The site nearest the circular mean; 0 if undefined.

    Just above one half still rounds down, so that rounding errors do not decide when the mean is midway between sites.
    """
    mean = circular_mean(count)
    return 0 if math.isnan(mean) else math.floor(mean + 0.5 - 1e-6) % count.size
