"""How results stand, from what lies on disk: no dry run, so it is quick and works beside a run.

Raw data count as they were when a run last read them.
"""

import base64
import binascii
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from graincast.planning import explanation, lock, recipes, sources
from graincast.planning.jobs import finished, jobs
from graincast.planning.plan import Plan
from graincast.planning.recipes import State
from graincast.program.log_file import error, last_lines

PROJECT = Path(__file__).parents[2]
RESULTS, LOGS, SNAKEMAKE = Path("results"), Path("results", "logs"), Path(".snakemake")
KINDS = ("finished", "running", "failed", "stale", "not made")
ON_REQUEST = ("export", "predict", "report")
"""Rules whose jobs run only when their outputs are asked for."""
MOST_FAILURES = 20
"""Failed jobs that are listed."""


def lines(config: dict, every_job: bool = False) -> list[str]:
    """How the results of a configuration stand, as lines to print.

    every_job  list every failed job, and every stale one
    """
    states = _states(config)
    holder = lock.holder()
    started = _started() if holder is not None else set()
    queue = _slurm()
    kinds = {state.job.name: kind(state, started) for state in states}
    shown = [_run(holder, queue), *_table(states, kinds)]
    failed = [state for state in states if kinds[state.job.name] == "failed"]
    for state in failed if every_job else failed[:MOST_FAILURES]:
        log = LOGS / f"{state.job.name}.log"
        shown.append(f"failed: {state.job.name}: {error(last_lines([log], 20))} ({log})")
    if len(failed) > MOST_FAILURES and not every_job:
        shown.append(f"… and {len(failed) - MOST_FAILURES} other failed jobs (--all lists them)")
    stale = {name for name, found in kinds.items() if found == "stale"}
    if stale:
        groups = explanation.grouped(states, stale)
        shown += [f"stale: {line}" for line in explanation.lines(groups, every_job=every_job)]
    return [line for line in [*shown, *sizes()] if line]


def kind(state: State, started: set[str]) -> str:
    """How a job stands, one of KINDS.

    started  outputs of jobs that a run has started and not finished
    """
    if started.intersection(state.job.outputs):
        return "running"
    if not state.causes and not state.upstream:
        return "finished"
    if _has_failed(state):
        return "failed"
    return "stale" if state.made_from else "not made"


def sizes() -> Iterator[str]:
    """What each kind of results, and Snakemake's own records, take on disk."""
    folders = [*sorted(path for path in RESULTS.glob("*") if path.is_dir()), SNAKEMAKE]
    bytes_of = {folder.as_posix(): size(folder) for folder in folders if folder.is_dir()}
    if bytes_of:
        listed = ", ".join(f"{name} {in_bytes(count)}" for name, count in bytes_of.items() if count)
        yield f"on disk: {in_bytes(sum(bytes_of.values()))}: {listed}"


def size(folder: Path) -> int:
    """Bytes of the files in a folder; a file that is linked to several places counts once, what links point to not."""
    seen: dict[tuple[int, int], int] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                about = os.lstat(os.path.join(parent, name))  # noqa: PTH118
            except OSError:
                continue  # gone meanwhile
            seen[about.st_dev, about.st_ino] = about.st_size
    return sum(seen.values())


def in_bytes(count: int) -> str:
    """A number of bytes as text: 12 kB, 3.4 GB."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.3g} {unit}"
        amount /= 1000
    return f"{amount:.3g} TB"


def slurm_states(listed: str, folder: Path) -> Counter:
    """How many of a folder's jobs are in each state.

    listed  what squeue prints of the user's jobs: comment, state and working directory, separated by "|"
    """
    fields = [line.rsplit("|", 2) for line in listed.splitlines() if line.startswith("rule_") and line.count("|") >= 2]
    return Counter(state.lower() for _, state, directory in fields if Path(directory) == folder)


def _states(config: dict) -> list[State]:
    """How each job stands by today's configuration and sources, with the commands of the last planning."""
    planned = Plan(config)
    every = jobs(planned, sorted({*planned.test_metrics(), *finished(RESULTS / "experiments")}))
    shells = {recipe["rule"]: recipe["shell"] for recipe in recipes.written(every).values()}
    sources.recall(RESULTS / "recipes" / ".sources.json")
    wanted = recipes.build(PROJECT, every, shells, planned.extensions)
    return recipes.states(every, wanted)


def _has_failed(state: State) -> bool:
    """Whether the job's last run, later than its recipe, ended in an error."""
    log, recipe = LOGS / f"{state.job.name}.log", Path(state.job.recipe)
    try:
        return log.stat().st_mtime_ns > recipe.stat().st_mtime_ns and bool(error(last_lines([log], 20)))
    except OSError:
        return False


def _started() -> set[str]:
    """Outputs that Snakemake has noted as begun and not complete: its notes are named after them, in base 64."""
    found = set()
    for path in (SNAKEMAKE / "incomplete").rglob("*"):
        name = "".join(part.removeprefix("@") for part in path.relative_to(SNAKEMAKE / "incomplete").parts)
        try:
            found.add(base64.urlsafe_b64decode(name).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue  # a folder of long names
    return found


def _slurm() -> Counter:
    """This folder's SLURM jobs by their state; empty where there is no SLURM."""
    if not shutil.which("squeue"):
        return Counter()
    command = ["squeue", "--me", "--noheader", "--format=%k|%T|%Z"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Counter()
    return slurm_states(listed, Path.cwd().resolve())


def _run(holder: str | None, queue: Mapping[str, int]) -> str:
    run = "no run is going on" if holder is None else f"a run is going on{f' (process {holder})' if holder else ''}"
    slurm = ", ".join(f"{count} {state}" for state, count in queue.items())
    return f"{run}; SLURM jobs: {slurm}" if slurm else run


def _table(states: Iterable[State], kinds: Mapping[str, str]) -> list[str]:
    counts: dict[str, Counter] = {}
    for state in states:
        if state.job.rule in ON_REQUEST and kinds[state.job.name] == "not made":
            continue
        counts.setdefault(state.job.rule, Counter())[kinds[state.job.name]] += 1
    total = sum(counts.values(), Counter())
    named = [(explanation.WORDS[rule][1], count) for rule, count in counts.items()] + [("in all", total)]
    width = max(len(name) for name, _ in named)
    head = f"{'':{width}}" + "".join(f"{kind:>10}" for kind in KINDS)
    rows = [f"{name:{width}}" + "".join(f"{count[kind] or '·':>10}" for kind in KINDS) for name, count in named]
    return [head, *rows]
