"""The configuration error, and the name its message may suggest."""

import difflib
from typing import Any

from graincast.microstructure import BadInput


class ConfigError(BadInput):
    """A configuration that cannot be run; the message says where and why."""


RENAMED = {"hops": "propagation_steps", "share": "fraction"}
"""Names that earlier versions used, and their replacements."""


def nearest(name: str, names: Any) -> str:
    """ "; did you mean …?" (or what an old name is called now), or nothing if no name is similar."""
    candidates = [str(candidate) for candidate in names]
    if RENAMED.get(str(name)) in candidates:
        return f"; it is now called {RENAMED[str(name)]!r}"
    matches = difflib.get_close_matches(str(name), candidates, n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
