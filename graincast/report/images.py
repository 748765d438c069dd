"""Figures inside a page: SVG as part of it, in its colours; PNG as a data address."""

import base64
import io
import re
from hashlib import sha256
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from graincast.figures.style import FORMATS, GRID

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
HREF = f"{{{XLINK}}}href"
COLOURS = {"#000000": "currentColor", GRID: "var(--line)"}
"""What takes the page's colours of text and of lines; a figure that needs black on a colour of its own uses another."""
RESOLUTION = 130  # dots per inch of a PNG
INHERITED = {"fill": "currentColor", "stroke-linejoin": "round", "stroke-linecap": "butt"}
PIXELS = 86  # of the page per inch of a chart
SMALLEST = 0.7
"""A chart is made no smaller than this to fit a narrow screen: there it can be moved sideways."""


def inline_svg(figure: Figure, words: str) -> Markup:
    """A figure as an <svg> element, with no background, and no wider than its place.

    words  what it shows, for those who cannot see it
    """
    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata=FORMATS["svg"])
    text = written.getvalue()
    root = ElementTree.fromstring(text)
    own = f"f{sha256(text.encode()).hexdigest()[:10]}-"  # ids are unique in a page, and those of figures are not
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{SVG}}}metadata", f"{{{SVG}}}style"):  # whose rules would hold for the whole page
                parent.remove(child)
    referred = set(re.findall(r"[\"(]#([^\")]+)[\")]", text))
    for element in root.iter():
        name = element.attrib.pop("id", None)
        if name in referred:
            element.set("id", own + str(name))
        for key, value in element.attrib.items():
            if key == HREF and value.startswith("#"):
                element.set(key, f"#{own}{value[1:]}")
            else:
                for old, new in ({"url(#": f"url(#{own}"} | COLOURS).items():
                    value = value.replace(old, new)
                element.set(key, value)
    width = figure.get_figwidth() * PIXELS
    style = f"width:{width:.0f}px;max-width:max(100%,{width * SMALLEST:.0f}px)"
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-label": words, "style": style, **INHERITED}
    ElementTree.register_namespace("", SVG)
    ElementTree.register_namespace("xlink", XLINK)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def inline_png(figure: Figure, words: str) -> Markup:
    """A figure as an <img> element that holds its PNG."""
    FigureCanvasAgg(figure)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=RESOLUTION, metadata=FORMATS["png"])
    data = base64.b64encode(written.getvalue()).decode()
    width, height = (round(inches * 96) for inches in figure.get_size_inches())
    return Markup('<img class="paper" src="data:image/png;base64,{}" width="{}" height="{}" alt="{}">').format(
        data, width, height, words
    )
