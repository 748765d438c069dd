"""Expansion of environment variables and ~ in paths."""

import os
import re
from pathlib import Path

from graincast.microstructure import BadInput


def expand(path: str, where: str) -> Path:
    """A path with environment variables and ~ expanded. Raises BadInput, headed by `where`, if a variable is unset."""
    variables = [bare or braced for bare, braced in re.findall(r"\$(?:(\w+)|\{(\w+)\})", path)]
    unset = [variable for variable in variables if variable not in os.environ]
    if unset:
        raise BadInput(f"{where}: the environment variable {unset[0]} is not set; export it or write the path out")
    try:
        return Path(os.path.expandvars(path)).expanduser()
    except RuntimeError as error:
        raise BadInput(f"{where}: {path}: {error}") from None
