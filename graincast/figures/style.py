"""The style of all figures: colours, fonts, titles, file format."""

import textwrap
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from graincast.files.atomic import whole

BLUE, RED, GREY = "#2b6ca3", "#c8443a", "#8a8a8a"
TITLE_CHARACTERS = 13  # per inch of width
mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})


def save(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure as PNG, whole; equal figures give equal bytes."""
    FigureCanvasAgg(figure)
    with whole(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})


def titled(figure: Figure, title: str) -> None:
    """Put a title above the whole figure, each of its lines wrapped to the width."""
    width = round(TITLE_CHARACTERS * figure.get_figwidth())
    figure.suptitle("\n".join(textwrap.fill(line, width) for line in title.splitlines()), fontsize=9)
