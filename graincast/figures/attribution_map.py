"""A map coloured by what each grain added to a prediction, and the features that added most."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from graincast.figures.probability_map import NOT_PREDICTED_COLOUR
from graincast.figures.scale_bar import add as add_scale_bar
from graincast.figures.style import GREY, GRID, titled
from graincast.graphs.axes import centred, on_boundary
from graincast.graphs.palette import BOUNDARY_COLOUR, NO_GRAIN_COLOUR
from graincast.microstructure import Microstructure

COLOURS = "PuOr_r"  # diverging, and told apart by colour-blind readers
SHOWN = 8
"""Features that are shown; the others are summed."""
OUTLINE = "#000000"


def figure(
    microstructure: Microstructure,
    added: np.ndarray,
    features: Mapping[str, float],
    *,
    title: str,
    unit: str,
    baseline: float,
    output: float,
) -> Figure:
    """A figure of a candidate's prediction.

    added     float64 [n]  what each grain added; NaN for those that the model does not see
    features  what each feature added, over all grains
    unit      of what is explained
    baseline, output  what is explained, at the mean of all features and here
    """
    drawn = Figure(figsize=(8.6, 4.4), layout="constrained")
    left, right = drawn.subplots(1, 2, width_ratios=(1.15, 1))
    _draw_map(drawn, left, microstructure, added, f"added to the {unit}")
    _draw_bars(right, features)
    right.set_xlabel(f"added to the {unit}:\n{baseline:+.2f} at the mean of all features,\n{output:+.2f} here")
    titled(drawn, title)
    return drawn


def _draw_map(drawn: Figure, axes: Axes, microstructure: Microstructure, added: np.ndarray, name: str) -> None:
    mask = microstructure.labels == microstructure.candidate_index + 1
    labels = centred(microstructure.labels, mask, microstructure.periodic)
    largest = float(np.nanmax(np.abs(added), initial=0)) or 1.0
    norm, colours = mpl.colors.Normalize(-largest, largest), mpl.colormaps[COLOURS]
    of_grain = colours(norm(np.nan_to_num(added)))
    of_grain[~np.isfinite(added)] = mpl.colors.to_rgba(NOT_PREDICTED_COLOUR)
    image = np.concatenate([[mpl.colors.to_rgba(NO_GRAIN_COLOUR)], of_grain])[labels]
    image[on_boundary(labels, microstructure.periodic)] = mpl.colors.to_rgba(BOUNDARY_COLOUR)
    axes.imshow(image, interpolation="nearest")
    axes.contour(labels == microstructure.candidate_index + 1, levels=[0.5], colors=OUTLINE, linewidths=1.8)
    shown = np.concatenate([[False], np.isfinite(added)])[labels]
    _zoom(axes, shown)
    left, right = axes.get_xlim()
    add_scale_bar(axes, round(right - left), microstructure.spacing)
    axes.set_axis_off()
    drawn.colorbar(mpl.cm.ScalarMappable(norm, colours), ax=axes, label=name, shrink=0.8, location="left")
    entries = [Patch(facecolor="none", edgecolor=OUTLINE, linewidth=1.8, label="candidate")]
    if not np.isfinite(added).all():
        entries.append(Patch(color=NOT_PREDICTED_COLOUR, label="not seen by the model"))
    axes.legend(handles=entries, loc="upper center", bbox_to_anchor=(0.6, -0.04), ncols=2, frameon=False, fontsize=8)


def _zoom(axes: Axes, shown: np.ndarray) -> None:
    """Show the square around the middle, where the candidate is, that holds what is shown."""
    rows, columns = np.nonzero(shown)
    middle = np.array(shown.shape) / 2
    far = max(np.abs(rows + 0.5 - middle[0]).max(initial=1), np.abs(columns + 0.5 - middle[1]).max(initial=1))
    far = min(far * 1.05 + 1, max(shown.shape) / 2)
    axes.set_xlim(max(middle[1] - far, 0) - 0.5, min(middle[1] + far, shown.shape[1]) - 0.5)
    axes.set_ylim(min(middle[0] + far, shown.shape[0]) - 0.5, max(middle[0] - far, 0) - 0.5)


def _draw_bars(axes: Axes, features: Mapping[str, float]) -> None:
    """Bars of the features that added most, in the map's colours, and one of all others."""
    order = sorted(features, key=lambda name: -abs(features[name]))
    bars = [(name, features[name]) for name in order[:SHOWN]]
    if rest := order[SHOWN:]:
        bars.append((f"{len(rest)} others", sum(features[name] for name in rest)))
    colours = mpl.colormaps[COLOURS]
    places = range(len(bars))[::-1]
    colour = [GREY if name.endswith(" others") else colours(0.85 if value > 0 else 0.15) for name, value in bars]
    axes.barh(list(places), [value for _, value in bars], color=colour, height=0.7)
    axes.set_yticks(list(places), [name for name, _ in bars])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.margins(x=0.18)
    for place, (_, value) in zip(places, bars, strict=True):
        side = "left" if value >= 0 else "right"
        axes.annotate(
            f"{value:+.2f}", (value, place), xytext=(3 if value >= 0 else -3, 0), textcoords="offset points",
            va="center", ha=side, fontsize=7,
        )  # fmt: skip
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
