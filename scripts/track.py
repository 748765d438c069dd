"""Tell MLflow of trials and experiments. A store that does not answer fails nothing: `sync` sends the rest later."""

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

from graincast.files.atomic import write_text
from graincast.planning import provenance
from graincast.program.main import describe, from_json, json_with, parser, run
from graincast.tracking import addresses

UNSENT = "unsent.json"
RECORDS = {"trials": "trials.json", "experiment": "test_metrics.json"}
LOCK = Path("tracking", "sync.lock")
LONGEST = 120  # characters of a cause
LATER = "results are unaffected, `make sync-tracking` sends it"


class Expired(BaseException):
    """The time is over. No Exception, least of all a TimeoutError: HTTP clients take those for theirs and try again."""


class Busy(Exception):
    """Another process is sending the same."""


def main(args) -> None:
    if args.what == "sync":
        status = sync(args.results, args.tracking)
        sys.exit(0 if args.never_fail else status)
    if args.what == "store":
        attempt(lambda tracking, advance: tracking.connect(args.tracking), args.tracking)
        return
    if not leave_note(args.folder, args.what, args.about):
        return
    waits = why_later(args.folder, args.what, args.tracking)
    if waits:
        print(f"tracking: {waits}", file=sys.stderr)
    else:
        attempt(lambda tracking, advance: send(tracking, args.folder, args.tracking), args.tracking)


def leave_note(folder: Path, what: str, about: dict) -> bool:
    """Note beside the results what is to be sent, and where and when they were made."""
    note = {"id": secrets.token_hex(8), "what": what, "about": about, "time": time.time()}
    try:
        write_text(folder / UNSENT, json.dumps({**note, "tags": provenance.tags(folder, what)}) + "\n")
        return True
    except OSError as error:
        print(f"tracking: not sent ({essence(error)}); results are unaffected", file=sys.stderr)
        return False


def why_later(folder: Path, what: str, settings: dict) -> str:
    """Why a job does not send by itself; empty where it does."""
    if os.environ.get("SLURM_JOB_ID") and addresses.address(settings).startswith("sqlite:"):
        return "left for the end of the run: SLURM jobs do not write to an SQLite store (docs/hpc.md, section 8)"
    waiting = len(list(folder.glob(f"trials/*/{UNSENT}"))) if what == "experiment" else 0
    return f"left until the {waiting} unsent records of its trials are sent; {LATER}" if waiting else ""


def send(tracking, folder: Path, settings: dict, advance: Callable[[], None] = lambda: None) -> None:
    """Send what a folder's note says is unsent, and remove the note."""
    with held(folder / UNSENT) as note:
        if note is None:
            return  # another process was faster
        log = {"trials": tracking.log_trials, "experiment": tracking.log_experiment}[note["what"]]
        log(folder, note, settings, advance)
        if read(folder / UNSENT)["id"] == note["id"]:
            (folder / UNSENT).unlink()


def read(note: Path) -> dict:
    """A note; those of earlier releases lack what stands here as default."""
    given = json.loads(note.read_text(encoding="utf-8"))
    about = {"description": "", **given["about"]}
    made = {"id": str(note.stat().st_mtime_ns), "time": note.stat().st_mtime, "tags": {}, **given}
    return {**made, "about": about, "tags": {"graincast.execution": provenance.BY_HAND, **made["tags"]}}


@contextlib.contextmanager
def held(path: Path) -> Iterator[dict | None]:
    """Yield a note that nobody else sends meanwhile; None if it is gone. Raises Busy."""
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
    """The notes of all that is unsent, in the order in which it is sent; those whose record is gone are removed."""
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
    """Do it within the configured time, counted anew with each advance; say in one line if it fails."""

    def expired(*_) -> None:
        raise Expired(f"no end after {settings['timeout']:g} s")

    def advance() -> None:  # again and again once it is over, as leaving a function may wait for a thread, too
        signal.setitimer(signal.ITIMER_REAL, settings["timeout"], 1)

    signal.signal(signal.SIGALRM, expired)
    advance()
    try:
        gc.set_threshold(500_000)  # looking again and again through what is imported, and stays, takes 0.3 s
        from graincast.tracking import api as tracking  # within the time: importing MLflow is part of what may hang

        act(tracking, advance)
        return True
    except (Expired, Exception) as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(f"tracking: not sent ({essence(error)}); {LATER}", file=sys.stderr)
        return False
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def essence(error: BaseException) -> str:
    """The cause of an error in a few words: of those that led to it, the first of the database or the machine."""
    chain = [error]
    while chain[-1].__cause__ or chain[-1].__context__:
        chain.append(chain[-1].__cause__ or chain[-1].__context__)
    causes = [one for one in chain if isinstance(one, sqlite3.Error | OSError)]
    cause = error if isinstance(error, Expired) or not causes else causes[-1]
    line = cause.strerror if isinstance(cause, OSError) and cause.strerror and not cause.filename else describe(cause)
    line = addresses.masked(line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def program(args) -> None:
    """main, and an end at once: threads that still wait for a store would hold the process."""
    try:
        main(args)
        status = 0
    except SystemExit as stop:
        status = stop.code
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
    for name, help_text in (("trials", "a training job's trials"), ("experiment", "an experiment's test results")):
        step = steps.add_parser(name, help=help_text)
        step.add_argument("--folder", type=Path, required=True, help="the folder of results to tell of")
        step.add_argument(
            "--about", type=from_json, required=True, help='resolved experiment, as JSON: {"description": "A test"}'
        )
    step = steps.add_parser("sync", help="send all that is unsent")
    step.add_argument("--results", type=Path, default="results")
    step.add_argument("--never-fail", action="store_true", help="exit with status 0 also when the store fails")
    run(program, p)
