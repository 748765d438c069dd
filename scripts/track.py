"""Tell MLflow of trials and experiments. A store that does not answer fails nothing: `sync` sends the rest later."""

import json
import signal
import sqlite3
import sys
from pathlib import Path

from graincast.atomic import write_text
from graincast.program import describe, from_json, json_with, parser, run

UNSENT = "unsent.json"
LONGEST = 120  # characters of a cause


class Expired(BaseException):
    """The time is over. No Exception, least of all a TimeoutError: HTTP clients take those for theirs and try again."""


def main(args) -> None:
    if args.what == "sync":
        status = sync(args.results, args.tracking)
        sys.exit(0 if args.never_fail else status)
    if args.what == "store":
        attempt(lambda tracking: tracking.connect(args.tracking), args.tracking)
        return
    unsent = args.folder / UNSENT
    write_text(unsent, json.dumps({"what": args.what, "about": args.about}) + "\n")
    if attempt(lambda tracking: send(tracking, args.folder, args.tracking), args.tracking):
        unsent.unlink()


def send(tracking, folder: Path, settings: dict) -> None:
    """Send what a folder's note says is unsent."""
    note = json.loads((folder / UNSENT).read_text(encoding="utf-8"))
    log = {"trials": tracking.log_trials, "experiment": tracking.log_experiment}[note["what"]]
    log(folder, note["about"], settings)


def sync(results: Path, settings: dict) -> int:
    """Send everything unsent, trials before experiments, until the store fails once. Returns the exit status."""
    notes = sorted(results.glob(f"experiments/*/trials/*/{UNSENT}")) + sorted(results.glob(f"experiments/*/{UNSENT}"))
    sent = 0
    for note in notes:
        if attempt(lambda tracking, folder=note.parent: send(tracking, folder, settings), settings):
            note.unlink()
            sent += 1
        else:
            break
    if notes:
        print(f"tracking: {sent} of {len(notes)} unsent records sent", flush=True)
    return 0 if sent == len(notes) else 1


def attempt(act, settings: dict) -> bool:
    """Do it within the configured time; say in one line if it fails."""

    def expired(*_) -> None:
        raise Expired(f"no end after {settings['timeout']:g} s")

    signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, settings["timeout"])
    try:
        from graincast import tracking  # within the time: importing MLflow is part of what may hang

        act(tracking)
        return True
    except (Expired, Exception) as error:
        print(
            f"tracking: not sent ({essence(error)}); results are unaffected, `make sync-tracking` sends it",
            file=sys.stderr,
        )
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
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


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
    run(main, p)
