"""Functions compiled by numba, with a cache that is optional.

numba keeps compiled code beside the sources, in the user's cache, or in NUMBA_CACHE_DIR. What cannot be read there (a
file cut by a full disk or a killed job) is dropped and compiled again; what cannot be written is not kept. Where no
such folder can be written, a private one among the temporary files is used.
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import FunctionCache

from graincast.program import scratch


class _Optional(FunctionCache):
    """numba's cache of one function, whose faults only cost time."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever unpickling damaged files may raise
            self._drop()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception:
            self._drop()

    def _drop(self) -> None:
        try:
            self.flush()  # an index without entries; the files are overwritten in time
        except OSError:
            self.disable()


def compiled(function: Callable, **options: Any) -> Any:
    """A function compiled at its first call for each combination of argument types. options: of numba's njit."""
    dispatcher = numba.njit(**options)(function)
    cache = _cache(function)
    if cache is not None:
        dispatcher._cache = cache
    return dispatcher


def _cache(function: Callable) -> _Optional | None:
    """A cache for a function; None where no folder for it can be written."""
    try:
        return _Optional(function)
    except RuntimeError:  # numba found no folder
        folder = _private_folder()
    if folder is None:
        return None
    config: Any = numba.config
    config.CACHE_DIR = str(folder)
    try:
        return _Optional(function)
    except (RuntimeError, OSError):
        return None


def _private_folder() -> Path | None:
    """A folder among the temporary files that is this user's alone; None where there cannot be one."""
    folder = Path(scratch.shared(), f"graincast-numba-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    safe = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return folder if safe else None
