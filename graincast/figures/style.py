"""The style of all figures: colours, fonts, titles, file formats, values with intervals."""

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from graincast.files.atomic import whole
from graincast.microstructure import BadInput

BLUE, RED, GREY, GRID = "#2b6ca3", "#c8443a", "#8a8a8a", "#e6e6e6"
WHISKERS = "Whiskers: 95 % intervals."
TITLE_CHARACTERS = 13  # per inch of width
MARKERS = ("o", "s", "^", "D", "v")
"""Of series side by side, which are to be told apart without colour too."""
FORMATS = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
"""File formats of figures, and what to leave out of each so that equal figures give equal bytes."""
mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
mpl.rcParams.update({"svg.hashsalt": "graincast", "pdf.fonttype": 42})  # names of an SVG's parts; text as text


def save(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure, whole, in the format that the name ends with; equal figures give equal bytes.

    Raises BadInput for another ending.
    """
    form = path.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise BadInput(f"{path}: figures are {', '.join(FORMATS)} files; end the name with one of them")
    FigureCanvasAgg(figure)
    with whole(path) as partial:
        figure.savefig(partial, format=form, dpi=dpi, metadata=FORMATS[form])


def save_as(figure: Figure, path: Path, formats: Iterable[str] = ("png",)) -> None:
    """Write a figure in each of some formats.

    path  without an ending
    """
    for form in formats:
        save(figure, path.with_name(f"{path.name}.{form}"))


def titled(figure: Figure, title: str) -> None:
    """Put a title above the whole figure, each of its lines wrapped to the width."""
    width = round(TITLE_CHARACTERS * figure.get_figwidth())
    figure.suptitle("\n".join(textwrap.fill(line, width) for line in title.splitlines()), fontsize=9)


def dots(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float] | np.ndarray,
    limits: Sequence[tuple[float, float]],
    colours: Sequence[str] | None = None,
) -> None:
    """Draw values as dots with their intervals as whiskers, the first on top; NaN limits have no whiskers.

    The number stands at the right of each.
    """
    rows = range(len(values))[::-1]
    for row, value, (low, high), colour in zip(rows, values, limits, colours or [BLUE] * len(values), strict=True):
        axes.plot([low, high], [row, row], color=colour, linewidth=1.2, marker="|", markersize=5)
        axes.plot([value], [row], color=colour, marker="o", markersize=5, linestyle="")
        text = "undefined" if np.isnan(value) else f"{value:.3f}"
        axes.annotate(text, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.set_yticks(list(rows), names)
    axes.set_ylim(-0.6, len(values) - 0.4)
    axes.grid(axis="x", color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
