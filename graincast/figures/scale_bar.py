"""A scale bar below a map."""

import math

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle


def add(axes: Axes, width: int, spacing: float | None) -> None:
    """Draw a bar of about a fifth of the width, of a round length, below what is shown of the map.

    width    of what is shown, sites
    spacing  distance of neighbouring sites, µm; None: the length is in sites
    """
    step = 1.0 if spacing is None else spacing
    length = _round(width * step / 5)
    label = f"{length:g} {'sites' if spacing is None else 'µm'}"
    left, below = axes.get_xlim()[0], axes.get_ylim()[0]
    thick = width / 90
    axes.add_patch(Rectangle((left, below + thick), length / step, thick, color="black", clip_on=False))
    axes.text(left + length / step + 2 * thick, below + thick / 2, label, fontsize=8, va="top")


def _round(length: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above a length."""
    power = 10.0 ** math.floor(math.log10(length))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= length)
