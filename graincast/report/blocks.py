"""What a section consists of: text, tables, figures; templates/page.html lays it out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.figure import Figure

from graincast.report import images


@dataclass(frozen=True)
class Text:
    """A paragraph. markup: parts that are HTML already are marked by markupsafe."""

    text: str | Markup
    kind: str = "text"


@dataclass(frozen=True)
class Note:
    """What is absent and why, or a caution."""

    text: str
    kind: str = "note"


@dataclass(frozen=True)
class Code:
    """Text in fixed width, such as a configuration. title: what it is."""

    title: str
    text: str
    kind: str = "code"


@dataclass(frozen=True)
class Picture:
    """A figure. words: what it shows, for those who cannot see it; caption: how to read it."""

    image: Markup
    caption: str
    wide: bool = False
    kind: str = "picture"


@dataclass(frozen=True)
class Table:
    """A table. caption: what it is; rows: as many cells as the header has; numbers: columns set to the right."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    marked: Sequence[int] = ()
    kind: str = "table"


@dataclass(frozen=True)
class Reference:
    """What is cited, and where it can be read; "" where no link is given."""

    text: str
    link: str
    kind: str = "reference"


@dataclass(frozen=True)
class Section:
    """A part of the report with an anchor of its own, and parts of it with theirs."""

    anchor: str
    title: str
    blocks: list = field(default_factory=list)
    parts: list["Section"] = field(default_factory=list)


def chart(figure: Figure, words: str, caption: str = "", wide: bool = False) -> Picture:
    """Lines and dots, as an SVG that takes the page's colours."""
    return Picture(images.inline_svg(figure, words), caption, wide)


def photograph(figure: Figure, words: str, caption: str = "", wide: bool = True) -> Picture:
    """Maps of many pixels, as a PNG."""
    return Picture(images.inline_png(figure, words), caption, wide)
