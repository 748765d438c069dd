"""Recipes: what each job's outputs depend on, written by the planner, compared with what they were made from.

A recipe (format: graincast/program/recipe.py) names nothing of the machine. The planner alone writes recipes, and a
recipe whose content is unchanged is left alone, so its time says since when it has been so. Where a job's outputs were
made from something else, its recipe is renewed: Snakemake then runs the job, whatever the times of copied, touched or
reverted files, and whatever its own records say.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from graincast.files.atomic import write_text
from graincast.files.digest import checked_digest
from graincast.microstructure import BadInput
from graincast.planning import packages, sources
from graincast.planning.jobs import Job
from graincast.program.extensions import place
from graincast.program.recipe import read_made_from

RENEWED = "renewed"
"""The key with the time at which a recipe was renewed, never twice the same; it takes no part in comparisons."""


@dataclass(frozen=True)
class State:
    """A job and how it stands.

    recipe     what its outputs should be made from
    made_from  what they were made from (see read_made_from); None where they are missing
    causes     why the job has to run, most telling first; empty where it does not
    upstream   whether it has to run only because a job before it has to
    """

    job: Job
    recipe: dict
    made_from: dict | None
    causes: list[str]
    upstream: bool = False


def build(
    project: Path, jobs: Iterable[Job], shells: Mapping[str, str], extensions: Sequence[Path] = ()
) -> dict[str, dict]:
    """The recipe of each job, by the job's name.

    shells  the template of each rule's shell command
    """
    jobs = list(jobs)
    maker = {path: job for job in jobs for path in job.outputs}
    by_programs = {programs: _code(project, programs, extensions) for programs in {tuple(j.programs) for j in jobs}}
    recipes = {}
    for job in jobs:
        paths = [path for group in job.inputs.values() for path in group]
        upstream = job.notes | {path: maker[path].made_from for path in paths if path in maker}
        recipe = {
            "rule": job.rule,
            "wildcards": job.wildcards,
            "parameters": job.parameters,
            "inputs": {name: group for name, group in job.inputs.items() if group},
            "outputs": job.outputs,
            "made_from": upstream,
            "raw": {path: _content(path) for path in paths if path not in upstream},
            **_of_entries(project, job, by_programs[tuple(job.programs)]),
            "shell": shells.get(job.rule, ""),
        }
        recipes[job.name] = json.loads(json.dumps(recipe))  # as it reads from its file
    return recipes


def states(jobs: Iterable[Job], recipes: Mapping[str, dict]) -> list[State]:
    """How each job stands, in the order of the jobs, which is upstream first."""
    states: list[State] = []
    stale: dict[str, bool] = {}
    outputs: dict[str, str] = {}
    for job in jobs:
        recipe = recipes[job.name]
        made_from = _made_from(job)
        causes = _causes(job, recipe, made_from, outputs)
        after = any(stale.get(path) for path in recipe["made_from"])
        for path in job.outputs:
            stale[path] = bool(causes) or after
            if made_from:
                outputs[path] = made_from["outputs"].get(path, "")
        states.append(State(job, recipe, made_from, causes, upstream=after and not causes))
    return states


def written(jobs: Iterable[Job]) -> dict[str, dict]:
    """The recipes that lie on disk, by the job's name; jobs without one are left out."""
    found = {job.name: _read(Path(job.recipe)) for job in jobs}
    return {name: without_counter(recipe) for name, recipe in found.items() if recipe is not None}


def write(states: Iterable[State]) -> None:
    """Bring all recipe files up to date."""
    for state in states:
        _write(state)


def text(recipe: dict) -> str:
    """A recipe as it stands in its file."""
    return json.dumps(recipe, indent=1, ensure_ascii=False) + "\n"


def without_counter(recipe: dict) -> dict:
    return {key: value for key, value in recipe.items() if key != RENEWED}


def differences(made: dict, wanted: dict) -> Iterator[tuple[str, object, object]]:
    """Where two recipes differ: (key path, what the outputs were made from, what is wanted); None where absent."""
    yield from _differences(without_counter(made), without_counter(wanted), "")


def _write(state: State) -> None:
    path = Path(state.job.recipe)
    present = _read(path)
    oldest = _oldest(state.job)
    if not state.causes and state.made_from:
        # Made from just this: the file must not be newer than the outputs (after an edit and its reversal, say).
        wanted = state.made_from["recipe"]
        if present != wanted:
            write_text(path, text(wanted))
        for input_file in (path, *map(Path, state.recipe["raw"])):
            if oldest is not None and input_file.is_file() and input_file.stat().st_mtime_ns >= oldest:
                os.utime(input_file, ns=(oldest - 10**9, oldest - 10**9))
        return
    edited = present is None or without_counter(present) != state.recipe
    # Outputs newer than the recipe, and yet made from something else: touched, copied, or interrupted.
    overtaken = oldest is not None and not edited and path.stat().st_mtime_ns <= oldest
    if edited or overtaken:
        new = oldest is None and state.made_from is None
        write_text(path, text(state.recipe if new else state.recipe | {RENEWED: time.time_ns()}))


def _oldest(job: Job) -> int | None:
    """The earliest modification time, as Snakemake sees it, of those outputs that are there, in nanoseconds."""
    present = [path for path in map(Path, [*job.outputs, job.made_from]) if path.exists()]
    if present and Path(job.benchmark).exists():
        present.append(Path(job.benchmark))
    return min((_carrier(path).lstat().st_mtime_ns for path in present), default=None)


def _carrier(output: Path) -> Path:
    """The file whose time counts: of a folder, the time stamp that Snakemake puts into it."""
    stamp = output / ".snakemake_timestamp"
    return stamp if output.is_dir() and not output.is_symlink() and stamp.exists() else output


def _causes(job: Job, recipe: dict, made_from: dict | None, outputs: Mapping[str, str]) -> list[str]:
    missing = [path for path in job.outputs if not Path(path).exists()]
    if made_from is None:
        return ["not made yet" if len(missing) == len(job.outputs) else "what it was made from is not known"]
    causes = [difference(*found) for found in differences(made_from["recipe"], recipe)]
    causes += [f"{path} is missing" for path in missing]
    for path, note in recipe["made_from"].items():
        present = outputs[path] if path in outputs else _noted(note, path)
        if present != made_from["inputs"].get(path, ""):
            causes.append(f"{path} has changed")
    return causes


def difference(key: str, made: object, wanted: object) -> str:
    """A difference between two recipes in words."""
    area, _, rest = key.partition(".")
    if area == "sources":
        if made and wanted:
            return f"{rest} was edited"
        return f"{rest} is {'no longer' if made else 'now'} among its sources"
    if area == "packages":
        return f"{rest} {shown(made)} → {shown(wanted)}"
    if area == "raw":
        return f"{rest} has changed"
    if area == "shell":
        return "the rule's command was edited"
    if area in ("inputs", "made_from", "outputs"):
        return "other inputs" if area != "outputs" else "other outputs"
    return f"{rest or area} {shown(made)} → {shown(wanted)}"


def shown(value: object) -> str:
    """A value in a message, at most 60 characters."""
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _differences(made: object, wanted: object, key: str) -> Iterator[tuple[str, object, object]]:
    if isinstance(made, dict) and isinstance(wanted, dict):
        for name in dict.fromkeys([*made, *wanted]):
            yield from _differences(made.get(name), wanted.get(name), f"{key}.{name}".lstrip("."))
    elif made != wanted:
        yield key, made, wanted


def _made_from(job: Job) -> dict | None:
    try:
        return read_made_from(job.made_from)
    except (BadInput, OSError):
        return None


def _noted(note: str, path: str) -> str:
    """The digest of an output that another configuration's job made; "" where nothing is noted."""
    try:
        return read_made_from(note)["outputs"].get(path, "")
    except (BadInput, OSError):
        return ""


def _read(path: Path) -> dict | None:
    try:
        recipe = json.loads(path.read_bytes())
        return recipe if isinstance(recipe, dict) else None
    except (OSError, ValueError):
        return None


def _of_entries(project: Path, job: Job, code: dict[str, dict]) -> dict[str, dict]:
    """A job's sources and packages, where of some tables only the entries that it uses count."""
    used = {source: entries for source, entries in job.entries.items() if source in code["sources"]}
    digests = {source: sources.digest_of_entries(project, source, entries) for source, entries in used.items()}
    return {**code, "sources": {**code["sources"], **digests}}


def _code(project: Path, programs: tuple[str, ...], extensions: Sequence[Path]) -> dict[str, dict]:
    extensions = [place(folder) for folder in extensions]
    files = sources.counted(sources.closure(project, *programs, extensions=extensions))
    own = [file for file in files if not Path(file).is_absolute()]
    others = sources.packages(project, set(files) - set(own), extensions)
    versions = packages.versions(project, sources.packages(project, own), others)
    return {"sources": sources.digests(project, files, extensions), "packages": versions}


def _content(path: str) -> str:
    """The digest of an input that no job of the plan makes; "" where it is not there."""
    return checked_digest(Path(path)) if Path(path).is_file() else ""
