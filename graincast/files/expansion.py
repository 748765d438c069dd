"""Paths as people write them, with environment variables and ~."""

import os
import re
from pathlib import Path

from graincast.microstructure import BadInput


def expand(path: str, where: str) -> Path:
    """A path with environment variables and ~ expanded. Raises BadInput, with `where` first, for an unset variable."""
    missing = [a or b for a, b in re.findall(r"\$(?:(\w+)|\{(\w+)\})", path) if (a or b) not in os.environ]
    if missing:
        raise BadInput(f"{where}: the environment variable {missing[0]} is not set; export it or write the path out")
    try:
        return Path(os.path.expandvars(path)).expanduser()
    except RuntimeError as error:
        raise BadInput(f"{where}: {path}: {error}") from None
