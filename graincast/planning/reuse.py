"""Data stages of somebody else's results: linked here, read-only, where they were made from the same recipes."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from graincast.microstructure import BadInput
from graincast.planning.jobs import Job
from graincast.planning.recipes import difference, differences
from graincast.program.recipe import read_made_from

RULES = (
    "initialise",
    "simulate",
    "regrow",
    "graphs",
    "features",
    "encoder",
    "encode",
    "encoded_features",
    "vision_features",
)


def link(jobs: Iterable[Job], recipes: Mapping[str, dict], results: Mapping[str, Path]) -> list[str]:
    """Link the outputs of jobs of the data stages that were made elsewhere and are not here yet.

    results  the other results folder of each data set that has one
    Returns a line for each data set whose results could not all be used. Raises BadInput for a folder without results.
    """
    lines: dict[str, str] = {}
    for job in jobs:
        dataset = job.wildcards.get("dataset", "")
        if job.rule not in RULES or dataset not in results or any(_there(path) for path in job.outputs):
            continue
        theirs = results[dataset]
        if not (theirs / "recipes").is_dir():
            raise BadInput(f"datasets.{dataset}.results: {theirs} holds no results of graincast; correct the path")
        reason = _difference(job, recipes[job.name], theirs)
        if reason:
            lines.setdefault(dataset, f"datasets.{dataset}.results: {job.name} is made here: {reason}")
            continue
        for path in [*job.outputs, job.made_from]:
            link = Path(path)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            link.symlink_to(_elsewhere(path, theirs).resolve())
    return list(lines.values())


def _difference(job: Job, recipe: dict, theirs: Path) -> str:
    """Why their outputs cannot be used; "" where they can."""
    try:
        made_from = read_made_from(_elsewhere(job.made_from, theirs))
    except (BadInput, OSError):
        return "it is not there"
    missing = [path for path in job.outputs if not _elsewhere(path, theirs).exists()]
    if missing:
        return f"{missing[0]} is not there"
    return next((difference(*found) for found in differences(made_from["recipe"], recipe)), "")


def _elsewhere(path: str, theirs: Path) -> Path:
    return theirs / Path(path).relative_to("results")


def _there(path: str) -> bool:
    return Path(path).exists()
