"""The lock of a results folder: held by the run, or the dry run, that writes its recipes.

Snakemake's own lock does not hold for dry runs. This one is taken before recipes are written and kept until the process
ends, so recipes never change under jobs that run.
"""

import errno
import fcntl
import os
from pathlib import Path
from typing import TextIO

LOCK = Path("results", "recipes", ".lock")
_held: list[TextIO] = []


def take(lock: Path = LOCK) -> bool:
    """Take the lock for the rest of this process; False where another process has it.

    On a file system without locks it counts as taken.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = lock.open("w", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
    file.write(f"{os.getpid()}\n")
    file.flush()
    _held.append(file)
    return True
