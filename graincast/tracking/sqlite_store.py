"""An SQLite store: made whole or not at all, locked for one process at a time, and movable with its artifacts."""

import contextlib
import fcntl
import os
import re
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

ARTIFACTS = "mlartifacts"
LOCATIONS = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""The columns of MLflow's tables that hold addresses of artifacts."""
_LOCKED: set[Path] = set()


class Damaged(Exception):
    """A store that cannot be used; the message says what to do."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Serialise access to a store; reentrant within a process.

    Concurrent creation would corrupt the database, and concurrent writers get "database is locked".
    """
    path = path.resolve()
    if path in _LOCKED:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _LOCKED.add(path)
        try:
            yield
        finally:
            _LOCKED.discard(path)


def make(path: Path, create: Callable[[str], object]) -> None:
    """Make a store under a temporary name and rename it: an interrupted creation leaves none. Called under the lock.

    create  makes the store at an address
    """
    for left in path.parent.glob(f".{path.name}.*.partial*"):
        left.unlink()
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with _without_alarm():
        try:
            create(f"sqlite:///{partial}")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def check(path: Path) -> None:
    """Raise Damaged where the file is not a store of MLflow."""
    try:
        # not read-only, or SQLite could not undo what a killed process left half-written (nor does `rw` make a file)
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as database:
            database.execute("SELECT version_num FROM alembic_version").fetchone()
            for table, columns in LOCATIONS.items():
                database.execute(f"SELECT {', '.join(columns)} FROM {table} LIMIT 1").fetchone()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "no such" not in str(error):
            raise  # busy, or not readable
        remedy = "move it away, and `make sync-tracking ALL=1` makes a new one from the results"
        raise Damaged(f"{path}: not a complete MLflow store ({error}); {remedy}") from None


def artifact_location(path: Path, experiment: str) -> str:
    """The address of the artifacts of an experiment: always beside the store, whatever the experiment's name."""
    parts = [part for part in experiment.split("/") if part not in ("", ".", "..")]
    return path.resolve().parent.joinpath(ARTIFACTS, *parts).as_uri()


def relocate(path: Path) -> None:
    """Let the addresses of artifacts follow a store that was moved or copied. Called under the lock."""
    here = path.resolve().parent.joinpath(ARTIFACTS).as_uri() + "/"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        rows = database.execute("SELECT artifact_location FROM experiments").fetchall()
        found = (re.match(rf"(file://.*?/{ARTIFACTS}/)", location or "") for (location,) in rows)
        for former in {match[1] for match in found if match} - {here}:
            for table, columns in LOCATIONS.items():
                for column in columns:
                    changed = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"
                    database.execute(changed, (here, len(former) + 1, len(former), former))


@contextlib.contextmanager
def _without_alarm() -> Iterator[None]:
    """Let an alarm wait: inside the creation of a database, it would leave half of one."""
    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
        if rung:
            signal.raise_signal(signal.SIGALRM)
