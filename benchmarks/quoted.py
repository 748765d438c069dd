"""Figures of benchmarks/results.json where the documentation quotes them: python -m benchmarks.quoted.

A quotation stands between two comments, and names its place in the file:

    <!--bench: potts > growth > times faster-->15.5 (15.0 to 15.7)<!--end-->

A spread is its median with its lowest and highest values; one of these alone is named at the end, as `> median`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import results
from graincast.files.atomic import write_text

ROOT = Path(__file__).parents[1]
_QUOTATION = re.compile(r"(<!--bench: (?P<place>[^>]*(?: > [^>]*)*?)-->)(?P<text>.*?)(<!--end-->)")


def pages() -> list[Path]:
    """The pages that may quote figures."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def update() -> list[Path]:
    """Renew all quotations; the pages that changed. Raises KeyError, with page and place, for one of no figure."""
    entries = json.loads(results.FILE.read_text(encoding="utf-8"))
    changed = []
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = renewed(before, entries, page.name)
        if after != before:
            write_text(page, after)
            changed.append(page)
    return changed


def renewed(text: str, entries: Mapping, name: str = "") -> str:
    """A page's text with its quotations renewed."""

    def quoted(match: re.Match) -> str:
        benchmark, *keys = match["place"].split(" > ")
        value: Any = entries.get(benchmark, {}).get("figures")
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is None:
            raise KeyError(f"{name}: results.json has no {match['place']}")
        return f"{match[1]}{shown(value)}{match[4]}"

    return _QUOTATION.sub(quoted, text)


def shown(value: Any) -> str:
    """A figure as text: three digits, with its spread."""
    if isinstance(value, Mapping):
        return f"{shown(value['median'])} ({shown(value['lowest'])} to {shown(value['highest'])})"
    if isinstance(value, str):
        return value
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


if __name__ == "__main__":
    for path in update():
        print(path)
