"""Log trials and experiments to MLflow. A store that does not answer fails nothing: `sync` sends the rest later."""

import argparse
import fcntl
import gc
import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from graincast.files.atomic import write_text
from graincast.microstructure import BadInput
from graincast.program import port
from graincast.program.main import describe, json_with, parser, run
from graincast.program.recipe import Recipe, add_argument
from graincast.tracking import addresses, notes
from graincast.tracking.notes import UNSENT, Busy
from graincast.tracking.sqlite_store import Damaged

LOCK = Path("tracking", "sync.lock")
LONGEST = 120  # characters of a cause
LATER = "results are unaffected, `make sync-tracking` sends it"


class Expired(BaseException):
    """Deadline passed. A BaseException, so that HTTP clients cannot swallow it and retry."""


def main(args: argparse.Namespace) -> None:
    if args.what == "sync":
        status = sync(args.results, args.tracking, args.all, quiet=args.never_fail)
        sys.exit(0 if args.never_fail else status)
    if args.what == "store":
        path = addresses.sqlite_file(addresses.address(args.tracking))
        if args.existing and path and not path.is_file():
            raise BadInput(f"{path}: there is no store yet; run the workflow first")
        if args.existing and args.port is not None:
            port.check_free(args.port)
        attempt(lambda tracking, advance: open_store(tracking, args.tracking, args.port), args.tracking)
        return
    if args.what == "unsent":
        note_unsent(args.folder, Recipe(args.unchecked), args.out)
        return
    notes.leave(args.folder, args.what, args.recipe.parameters)
    waits = why_later(args.folder, args.what, args.tracking)
    if waits:
        print(f"tracking: {waits}", file=sys.stderr)
    else:
        attempt(lambda tracking, advance: send(tracking, args.folder, args.tracking), args.tracking)
    write_sent(args.out)


def open_store(tracking: ModuleType, settings: dict, pages_port: int | None) -> None:
    """Make the store if it is missing. With the port of its pages, print where they show each experiment."""
    client = tracking.connect(settings)
    if pages_port is None:
        return
    for name, pages in tracking.addresses(client, settings["experiment_prefix"], f"http://127.0.0.1:{pages_port}"):
        print(name)
        for view, address in pages.items():
            print(f"  {view:<11}{address}", flush=True)


def write_sent(out: Path) -> None:
    """Write what the next step waits for; whether it was sent shows in unsent.json, which a later sync removes."""
    write_text(out, json.dumps({"noted": time.time()}) + "\n")


def note_unsent(folder: Path, recipe: Recipe, out: Path) -> None:
    """End a logging step whose program was ended or refused its inputs; the step runs again in the next run."""
    if not (folder / UNSENT).is_file():
        what = "trials" if recipe.content.get("rule") == "log_trials" else "experiment"
        notes.leave(folder, what, recipe.parameters)
    print(f"tracking: not sent (the program did not finish); {LATER}", file=sys.stderr)
    write_sent(out)
    recipe.note({})


def why_later(folder: Path, what: str, settings: dict) -> str:
    """Why the record is left for later; empty where it is sent now."""
    if os.environ.get("SLURM_JOB_ID") and addresses.sqlite_file(addresses.address(settings)):
        return "left for the end of the run: SLURM jobs do not write to an SQLite store (docs/hpc.md, section 8)"
    waiting = len(list(folder.glob(f"trials/*/{UNSENT}"))) if what == "experiment" else 0
    return f"left until the {waiting} unsent records of its trials are sent; {LATER}" if waiting else ""


def send(tracking: ModuleType, folder: Path, settings: dict, advance: Callable[[], None] = lambda: None) -> None:
    """Log a folder's unsent record, and remove its note."""
    with notes.held(folder / UNSENT) as note:
        if note is None:
            return  # another process was faster
        log = {"trials": tracking.log_trials, "experiment": tracking.log_experiment}[note["what"]]
        log(folder, note, settings, advance)
        if notes.read(folder / UNSENT)["id"] == note["id"]:
            (folder / UNSENT).unlink()


def sync(results: Path, settings: dict, everything: bool, quiet: bool) -> int:
    """Send everything unsent, the earliest first and trials before their experiment, until the store fails.

    everything  log all finished results; what the store has already is not repeated
    quiet       say nothing if there was nothing to do
    A damaged record is named and passed over. Returns the exit status.
    """
    if everything:
        notes.leave_for_finished(results)
    waiting, damaged = notes.unsent(results)
    for line in damaged:
        print(f"tracking: not sent ({line})", file=sys.stderr)
    if not waiting:
        if not damaged and not quiet:
            print("tracking: nothing is unsent", flush=True)
        return bool(damaged)
    (results / LOCK).parent.mkdir(parents=True, exist_ok=True)
    with (results / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("tracking: another process is sending what is unsent", flush=True)
            return 0
        sent = 0
        for path in waiting:
            failure = attempt(
                lambda tracking, advance, of=path.parent: send(tracking, of, settings, advance), settings, path.parent
            )
            sent += not failure
            if failure and not isinstance(failure, BadInput | Busy):
                break
    print(f"tracking: {sent} of {len(waiting)} unsent records sent", flush=True)
    return 0 if sent == len(waiting) and not damaged else 1


def attempt(act: Callable, settings: dict, of: Path | None = None) -> BaseException | None:
    """Act within the configured time, which each advance renews; print a failure in one line, and return it.

    of  the folder of the results that are sent, for messages
    """

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
        return None
    except (Expired, Exception) as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        place = f"{of}: " if of and isinstance(error, BadInput) and str(of) not in str(error) else ""
        print(f"tracking: not sent ({place}{essence(error)}); {LATER}", file=sys.stderr)
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def essence(error: BaseException) -> str:
    """The cause of an error in a few words: the original database or system error, where there is one."""
    if isinstance(error, Damaged):
        return str(error)
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
    step = steps.add_parser("store", help="make the store if it is an SQLite file that is missing")
    step.add_argument("--existing", action="store_true", help="fail where it is missing")
    step.add_argument("--port", type=int, help="the port of the pages: fail if it is taken, else print their addresses")
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
    step.add_argument("--all", action="store_true", help="log all finished results that the store does not have")
    step.add_argument("--never-fail", action="store_true", help="exit with status 0 also when the store fails")
    status = 0
    try:
        run(main, p)
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 1
    end(status)
