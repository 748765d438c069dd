"""The style of all figures: colours, fonts, titles, file formats."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from graincast.files.atomic import whole
from graincast.microstructure import BadInput

BLUE, RED, GREY = "#2b6ca3", "#c8443a", "#8a8a8a"
TITLE_CHARACTERS = 13  # per inch of width
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
