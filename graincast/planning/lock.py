"""The lock of a results folder: held by the run, or the dry run, that writes its recipes.

Snakemake's own lock does not hold for dry runs. This one is taken before recipes are written and kept until the process
ends, so recipes never change under jobs that run.
"""

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import TextIO

from graincast.planning import results_folder

LOCK = Path("results", "recipes", ".lock")
_held: list[TextIO] = []


def take(lock: Path = LOCK, patience: float = 0) -> bool:
    """Take the lock for the rest of this process; False where another process has it.

    patience  seconds to wait for the other process: a dry run is soon over
    On a file system without locks it counts as taken. Raises BadInput where the results folder cannot be written.
    """
    results_folder.check(lock.parent.parent)
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = lock.open("a", encoding="utf-8")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                return False
            time.sleep(0.1)
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
                raise
            break
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    _held.append(file)
    return True


def holder(lock: Path = LOCK) -> str | None:
    """The process that holds the lock, by its number, "" where that is not known; None where nobody holds it."""
    try:
        with lock.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read().strip()
    except OSError:
        pass
    return None
