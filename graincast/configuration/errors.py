"""The configuration error, and the name its message may suggest."""

import difflib
from typing import Any

from graincast.microstructure import BadInput


class ConfigError(BadInput):
    """A configuration that cannot be run; the message says where and why."""


def nearest(name: str, names: Any) -> str:
    """ "; did you mean …?", or nothing if no name is similar."""
    matches = difflib.get_close_matches(str(name), [str(candidate) for candidate in names], n=1)
    return f"; did you mean {matches[0]!r}?" if matches else ""
