"""The whole page: its sections in order, laid out by a template."""

from collections.abc import Callable, Sequence
from pathlib import Path

import jinja2

from graincast.files.atomic import write_text
from graincast.report import (
    costs,
    data,
    examples,
    experiments,
    leaderboard,
    methods,
    origin,
    reading,
    relied_on,
    summary,
)
from graincast.report.blocks import Section
from graincast.report.results import Results

SECTIONS: Sequence[Callable[[Results], Section]] = (
    summary.section,
    reading.section,
    leaderboard.section,
    data.section,
    experiments.section,
    examples.section,
    relied_on.section,
    costs.section,
    methods.section,
    origin.section,
)
"""The sections in order: a further one is a module with such a function, and a line here."""
TEMPLATES = Path(__file__).parent / "templates"


def write(results: Path, out: Path) -> None:
    """Write the report of a folder of results. Raises BadInput where no experiment has finished there."""
    found = Results(results)
    write_text(out, render([section(found) for section in SECTIONS]))


def render(sections: Sequence[Section]) -> str:
    """The page as HTML. All text is escaped, except images, which are markup already."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html").render(sections=sections)
