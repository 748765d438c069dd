"""Bounds on raw files: what kind they are, how large their content may be, and which errors are the content's fault.

A few bytes can claim an image of any size, so a claim is checked against these bounds before memory is taken for it.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from graincast.microstructure import BadInput

MAX_SITES = 2**26
"""The most sites of a lattice, pixels of an image, and values of an HDF5 dataset: those of 8192 x 8192.

A job that reads one such lattice needs about 2 GB.
"""
MAX_PACKING = 1100
"""The most bytes of content per byte of a file: deflate, the closest packing in use, reaches 1032."""

LONGEST = 300
"""The most characters of another library's error in a reason."""

_CONTENT_ERRORS = (None, 0, errno.EINVAL, errno.EOVERFLOW)
"""Error numbers of system calls that damaged content causes, as by an offset below zero; others are the system's."""
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular_file(path: Path) -> os.stat_result:
    """The status of a regular file. Raises BadInput, without its name, for anything else, which could never end."""
    try:
        status = path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadInput("a loop of symbolic links; remove it") from None
        if error.errno in (errno.ENOENT, errno.ENOTDIR) and behind_broken_link(path):
            raise BadInput("a symbolic link that leads nowhere; fetch the file or remove the link") from None
        raise
    if not stat.S_ISREG(status.st_mode):
        raise BadInput(f"not a regular file but {_KINDS.get(stat.S_IFMT(status.st_mode), 'something else')}")
    return status


def behind_broken_link(path: Path) -> bool:
    """Whether a path, or the folder that it lies in, is a symbolic link that leads nowhere."""
    return any(one.is_symlink() and not one.exists() for one in (path, path.parent))


@contextlib.contextmanager
def content_errors(what: str) -> Iterator[None]:
    """Turn any error that damaged content can cause into BadInput: `what`, then the error.

    MemoryError, a library that is not installed, and errors of the system, such as a failing disk or a missing
    permission, are no fault of the content and pass.
    """
    try:
        yield
    except (BadInput, MemoryError, ImportError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in _CONTENT_ERRORS:
            raise
        text = " ".join(str(error).split())[:LONGEST]  # some libraries quote the content
        raise BadInput(f"{what}: {type(error).__name__}: {text}") from None
