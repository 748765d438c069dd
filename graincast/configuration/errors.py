"""The error of a configuration that cannot be run, and what its message may suggest."""

import difflib
from typing import Any

from graincast.microstructure import BadInput


class ConfigError(BadInput):
    """A configuration that cannot be run; the message says where and why."""


def nearest(name: str, names: Any) -> str:
    """ "; did you mean …?", or nothing where no name is near."""
    match = difflib.get_close_matches(str(name), [str(n) for n in names], n=1)
    return f"; did you mean {match[0]!r}?" if match else ""
