"""Log trials and experiments to MLflow. A store that does not answer fails nothing: `sync` sends the rest later."""

import argparse
import contextlib
import fcntl
import gc
import json
import os
import secrets
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from graincast.files.atomic import write_text
from graincast.planning import provenance
from graincast.program.main import describe, json_with, parser, run
from graincast.program.recipe import Recipe, add_argument
from graincast.tracking import addresses

UNSENT = "unsent.json"
RECORDS = {"trials": "trials.json", "experiment": "test_metrics.json"}
LOCK = Path("tracking", "sync.lock")
LONGEST = 120  # characters of a cause
LATER = "results are unaffected, `make sync-tracking` sends it"


class Expired(BaseException):
    """Deadline passed. A BaseException, so that HTTP clients cannot swallow it and retry."""


class Busy(Exception):
    """Another process is sending this record."""


def main(args: argparse.Namespace) -> None:
    if args.what == "sync":
        status = sync(args.results, args.tracking)
        sys.exit(0 if args.never_fail else status)
    if args.what == "store":
        attempt(lambda tracking, advance: tracking.connect(args.tracking), args.tracking)
        return
    if args.what == "unsent":
        note_unsent(args.folder, Recipe(args.unchecked), args.out)
        return
    leave_note(args.folder, args.what, args.recipe.parameters)
    waits = why_later(args.folder, args.what, args.tracking)
    if waits:
        print(f"tracking: {waits}", file=sys.stderr)
    else:
        attempt(lambda tracking, advance: send(tracking, args.folder, args.tracking), args.tracking)
    write_sent(args.out)


def write_sent(out: Path) -> None:
    """Write what the next step waits for; whether it was sent shows in unsent.json, which a later sync removes."""
    write_text(out, json.dumps({"noted": time.time()}) + "\n")


def note_unsent(folder: Path, recipe: Recipe, out: Path) -> None:
    """End a logging step whose program was ended or refused its inputs; the step runs again in the next run."""
    if not (folder / UNSENT).is_file():
        what = "trials" if recipe.content.get("rule") == "log_trials" else "experiment"
        leave_note(folder, what, recipe.parameters)
    print(f"tracking: not sent (the program did not finish); {LATER}", file=sys.stderr)
    write_sent(out)
    recipe.note({})


def leave_note(folder: Path, what: str, about: dict) -> None:
    """Write unsent.json beside the results: what is to be logged, and where and when they were made."""
    note = {"id": secrets.token_hex(8), "what": what, "about": about, "time": time.time()}
    write_text(folder / UNSENT, json.dumps({**note, "tags": provenance.tags(folder, what)}) + "\n")


def why_later(folder: Path, what: str, settings: dict) -> str:
    """Why the record is left for later; empty where it is sent now."""
    if os.environ.get("SLURM_JOB_ID") and addresses.address(settings).startswith("sqlite:"):
        return "left for the end of the run: SLURM jobs do not write to an SQLite store (docs/hpc.md, section 8)"
    waiting = len(list(folder.glob(f"trials/*/{UNSENT}"))) if what == "experiment" else 0
    return f"left until the {waiting} unsent records of its trials are sent; {LATER}" if waiting else ""


def send(tracking: ModuleType, folder: Path, settings: dict, advance: Callable[[], None] = lambda: None) -> None:
    """Log a folder's unsent record, and remove its note."""
    with held(folder / UNSENT) as note:
        if note is None:
            return  # another process was faster
        log = {"trials": tracking.log_trials, "experiment": tracking.log_experiment}[note["what"]]
        log(folder, note, settings, advance)
        if read(folder / UNSENT)["id"] == note["id"]:
            (folder / UNSENT).unlink()


def read(note: Path) -> dict:
    """A note, with defaults for keys that earlier releases did not write."""
    given = json.loads(note.read_text(encoding="utf-8"))
    about = {"description": "", **given["about"]}
    made = {"id": str(note.stat().st_mtime_ns), "time": note.stat().st_mtime, "tags": {}, **given}
    return {**made, "about": about, "tags": {"graincast.execution": provenance.BY_HAND, **made["tags"]}}


@contextlib.contextmanager
def held(path: Path) -> Iterator[dict | None]:
    """Lock a note and yield it; None if it is gone. Raises Busy where another process holds it."""
    try:
        with path.open(encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy("another process is sending it") from None
            except OSError:
                pass  # a file system without locks
            yield read(path) if path.is_file() else None
    except FileNotFoundError:
        if path.is_file():
            raise
        yield None


def sync(results: Path, settings: dict) -> int:
    """Send everything unsent, the earliest first and trials before their experiment, until the store fails once.

    Returns the exit status.
    """
    notes = unsent(results)
    if not notes:
        return 0
    (results / LOCK).parent.mkdir(parents=True, exist_ok=True)
    with (results / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("tracking: another process is sending what is unsent", flush=True)
            return 0
        sent = 0
        for note in notes:
            if not attempt(lambda tracking, advance, of=note.parent: send(tracking, of, settings, advance), settings):
                break
            sent += 1
    print(f"tracking: {sent} of {len(notes)} unsent records sent", flush=True)
    return 0 if sent == len(notes) else 1


def unsent(results: Path) -> list[Path]:
    """All unsent notes, in the order in which they are sent; notes without results are removed."""
    when: dict[Path, tuple] = {}
    for folder in sorted(results.glob("experiments/*")):
        last = 0.0
        for note in [*sorted(folder.glob(f"trials/*/{UNSENT}")), folder / UNSENT]:
            if not note.is_file():
                continue
            given = read(note)
            if not (note.parent / RECORDS[given["what"]]).is_file():
                note.unlink()
                continue
            is_experiment = given["what"] == "experiment"
            time_ = max(last, given["time"]) if is_experiment else given["time"]
            last = max(last, time_)
            when[note] = (time_, is_experiment, str(note))
    return sorted(when, key=when.__getitem__)


def attempt(act: Callable, settings: dict) -> bool:
    """Act within the configured time, which each advance renews; print a failure in one line. Returns success."""

    def expired(*_: object) -> None:
        raise Expired(f"no end after {settings['timeout']:g} s")

    def advance() -> None:  # fires repeatedly after the deadline: leaving a function may wait for a thread
        signal.setitimer(signal.ITIMER_REAL, settings["timeout"], 1)

    signal.signal(signal.SIGALRM, expired)
    advance()
    try:
        gc.set_threshold(500_000)  # repeated scans of imported modules, which stay, would take 0.3 s
        from graincast.tracking import api as tracking  # inside the deadline: importing MLflow can hang

        act(tracking, advance)
        return True
    except (Expired, Exception) as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(f"tracking: not sent ({essence(error)}); {LATER}", file=sys.stderr)
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def essence(error: BaseException) -> str:
    """The cause of an error in a few words: the original database or system error, where there is one."""
    chain = [error]
    while earlier := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(earlier)
    causes = [one for one in chain if isinstance(one, sqlite3.Error | OSError)]
    cause = error if isinstance(error, Expired) or not causes else causes[-1]
    line = cause.strerror if isinstance(cause, OSError) and cause.strerror and not cause.filename else describe(cause)
    line = addresses.masked(line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def end(status: int) -> NoReturn:
    """End at once: threads that still wait for a store would hold the process."""
    if threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    p = parser("track", __doc__)
    p.add_argument(
        "--tracking",
        type=json_with("store", "experiment_prefix", "timeout"),
        required=True,
        help="the configuration's tracking section as JSON: "
        '{"store": "sqlite:///results/mlflow.db", "experiment_prefix": "graincast/", "timeout": 120}',
    )
    steps = p.add_subparsers(dest="what", required=True)
    steps.add_parser("store", help="create the store if it is a fresh SQLite file")
    for name, help_text in (
        ("trials", "log a training job's trials"),
        ("experiment", "log an experiment's test results"),
        ("unsent", "note that nothing was sent"),
    ):
        step = steps.add_parser(name, help=help_text)
        if name == "unsent":
            step.add_argument("--recipe", dest="unchecked", type=Path, required=True, help="recipe of the step")
        else:
            add_argument(step, '{"description": "A test", …}, the resolved experiment')
        step.add_argument("--folder", type=Path, required=True, help="the folder of the results")
        step.add_argument("--out", type=Path, required=True, help="JSON that is written whatever becomes of it")
    step = steps.add_parser("sync", help="send all that is unsent")
    step.add_argument("--results", type=Path, default="results")
    step.add_argument("--never-fail", action="store_true", help="exit with status 0 also when the store fails")
    status = 0
    try:
        run(main, p)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    end(status)
