"""A map coloured by a predicted value of its grains, with colour bar and scale bar."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from graincast.figures.scale_bar import add as add_scale_bar
from graincast.figures.style import titled
from graincast.graphs.axes import on_boundary
from graincast.graphs.palette import BOUNDARY_COLOUR, NO_GRAIN_COLOUR

NOT_PREDICTED_COLOUR = "#d9d9d9"
COLOURS = "viridis"  # even in lightness, and told apart by colour-blind readers
WIDTH = 5.2  # inches


def figure(
    labels: np.ndarray,
    value: np.ndarray,
    doubtful: np.ndarray,
    *,
    title: str,
    name: str,
    spacing: float | None = None,
    periodic: tuple[bool, ...] = (True, True),
    limits: tuple[float, float] | None = (0, 1),
) -> Figure:
    """A figure of a map.

    labels    int32 [height, width]; node index + 1, or 0 where there is no grain
    value     float64 [n], NaN where nothing was predicted
    doubtful  bool [n], grains to hatch: cut off by the border, or too small
    name      what the value is, for the colour bar
    spacing   distance of neighbouring sites, µm; None: lengths are in sites
    limits    of the colour bar; None: those of the values
    """
    height, width = labels.shape
    tall = min(max(WIDTH * height / width, 1.5), 8.0)
    drawn = Figure(figsize=(WIDTH + 1, tall + 0.9), layout="constrained")
    axes = drawn.subplots()
    shown = value[np.isfinite(value)]
    low, high = limits or ((shown.min(), shown.max()) if shown.size else (0.0, 1.0))
    norm, colours = mpl.colors.Normalize(low, high), mpl.colormaps[COLOURS]
    of_grain = colours(norm(np.nan_to_num(value)))
    of_grain[~np.isfinite(value)] = mpl.colors.to_rgba(NOT_PREDICTED_COLOUR)
    image = np.concatenate([[mpl.colors.to_rgba(NO_GRAIN_COLOUR)], of_grain])[labels]
    image[on_boundary(labels, periodic)] = mpl.colors.to_rgba(BOUNDARY_COLOUR)
    axes.imshow(image, interpolation="nearest")
    hatched = np.concatenate([[False], doubtful])[labels]
    if hatched.any():
        with mpl.rc_context({"hatch.color": "white", "hatch.linewidth": 0.6}):
            axes.contourf(hatched, levels=[0.5, 1.5], colors="none", hatches=["////"])
    add_scale_bar(axes, width, spacing)
    axes.set_axis_off()
    drawn.colorbar(mpl.cm.ScalarMappable(norm, colours), ax=axes, label=name, shrink=0.8)
    entries = []
    if hatched.any():
        entries.append(Patch(facecolor="#777777", edgecolor="white", hatch="////", label="at the border, or small"))
    if (~np.isfinite(value)).any():
        entries.append(Patch(color=NOT_PREDICTED_COLOUR, label="not predicted"))
    if entries:
        drawn.legend(handles=entries, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    titled(drawn, title)
    return drawn
