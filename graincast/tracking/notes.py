"""Notes of what is to be logged: `unsent.json` beside the results, from which MLflow can be told at any time.

A note is a JSON object: id, what ("trials" or "experiment"), about (the resolved experiment), time, tags (where and
when the results were made), recipe (a digest of what they were made from, by which a run is found again), and again
(whether they may have been logged before). That of an experiment holds its resolved configuration too.
"""

import contextlib
import fcntl
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from graincast.files.atomic import write_text
from graincast.microstructure import BadInput
from graincast.planning import provenance
from graincast.planning.recipes import without_counter
from graincast.program.recipe import note_of, read_made_from

UNSENT = "unsent.json"
RECORDS = {"trials": "trials.json", "experiment": "test_metrics.json"}
"""The record that is logged, by what a note is about."""


CONFIGURATION = "configuration.yaml"
"""The resolved configuration of an experiment, beside its results; it runs as it is."""


def configuration_file(experiment: str, results: Path = Path("results")) -> Path:
    """Where the planner writes the resolved configuration of an experiment."""
    return results / "recipes" / "configurations" / f"{experiment}.yaml"


class Busy(Exception):
    """Another process is sending this record."""


def leave(folder: Path, what: str, about: dict, again: bool = False) -> None:
    """Write a note about a folder's results. again: whether they may have been logged before."""
    note = {"id": secrets.token_hex(8), "what": what, "about": about, "time": time.time(), "again": again}
    note |= {"tags": provenance.tags(folder, what), "recipe": _origin(folder / RECORDS[what])}
    resolved = configuration_file(folder.name, folder.parents[1]) if what == "experiment" else None
    if resolved and resolved.is_file():
        text = resolved.read_text(encoding="utf-8")
        note["configuration"] = text
        write_text(folder / CONFIGURATION, text)
    write_text(folder / UNSENT, json.dumps(note) + "\n")


def leave_for_finished(results: Path) -> None:
    """Write a note beside all finished results that have none, so that they are logged once more."""
    for what, pattern in (("trials", "experiments/*/trials/*"), ("experiment", "experiments/*")):
        for folder in sorted(results.glob(pattern)):
            if (folder / RECORDS[what]).is_file() and not (folder / UNSENT).is_file():
                about = _about(folder, what, results)
                if about is not None:
                    leave(folder, what, about, again=True)


def read(path: Path) -> dict:
    """A note, with defaults for keys that earlier releases did not write. Raises BadInput for a damaged one."""
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        about = {"description": "", **given["about"]}
        stamp = path.stat().st_mtime_ns
        made = {
            "id": str(stamp),
            "time": stamp / 1e9,
            "tags": {},
            "recipe": "",
            "again": False,
            "configuration": "",
            **given,
        }
        if made["what"] not in RECORDS:
            raise KeyError("what")
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{path}: damaged; remove it, and `make sync-tracking ALL=1` makes it again") from None
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


def unsent(results: Path) -> tuple[list[Path], list[str]]:
    """All notes in the order in which they are sent, and a line about each damaged one.

    The earliest comes first, and trials before their experiment. Notes without results are removed.
    """
    when: dict[Path, tuple] = {}
    damaged = []
    for folder in sorted(results.glob("experiments/*")):
        last = 0.0
        for path in [*sorted(folder.glob(f"trials/*/{UNSENT}")), folder / UNSENT]:
            if not path.is_file():
                continue
            try:
                note = read(path)
            except BadInput as error:
                damaged.append(str(error))
                continue
            if not (path.parent / RECORDS[note["what"]]).is_file():
                path.unlink()
                continue
            is_experiment = note["what"] == "experiment"
            moment = max(last, note["time"]) if is_experiment else note["time"]
            last = max(last, moment)
            when[path] = (moment, is_experiment, str(path))
    return sorted(when, key=when.__getitem__), damaged


def _origin(record: Path) -> str:
    """A digest of what a record was made from, or, without a note of that, of its content: 16 hexadecimal digits."""
    try:
        made_from = read_made_from(note_of(str(record)))
        made_from = {**made_from, "recipe": without_counter(made_from["recipe"])}
        content = json.dumps(made_from, sort_keys=True).encode()
    except (BadInput, OSError):
        content = record.read_bytes() if record.is_file() else b""
    return hashlib.sha256(content).hexdigest()[:16]


def _about(folder: Path, what: str, results: Path) -> dict | None:
    """The resolved experiment of finished results, from the recipe of the step that logs them; None if it is gone."""
    rule = "log_trials" if what == "trials" else "log_experiment"
    parts = folder.relative_to(results / "experiments").parts
    recipe = results / "recipes" / rule / ("/".join(part for part in parts if part != "trials") + ".json")
    try:
        return json.loads(recipe.read_bytes())["parameters"]
    except (OSError, ValueError, KeyError):
        return None
