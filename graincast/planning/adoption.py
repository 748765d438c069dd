"""Results that came from elsewhere, by a copy, git or an object store: verified, and put in order of time.

Copying gives files new times, and Snakemake would take what was copied later for newer. A job's outputs are adopted
where they were made from just the recipe of today, from inputs of today's content, and are undamaged.
"""

import os
import time
from collections.abc import Iterable
from pathlib import Path

from graincast.files.digest import checked_digest
from graincast.planning.jobs import Job
from graincast.planning.recipes import State


def damaged(state: State) -> list[str]:
    """The outputs of a job whose content is not what was noted when they were made, or that are missing."""
    if state.made_from is None:
        return []
    noted = state.made_from["outputs"]
    return [path for path, digest in noted.items() if not Path(path).exists() or checked_digest(Path(path)) != digest]


def adopt(states: Iterable[State]) -> tuple[list[Job], list[tuple[Job, str]]]:
    """Adopt what can be: (jobs whose outputs were adopted, the others with the reason).

    states  of all jobs, upstream first, after their recipes were written
    """
    states = list(states)
    adopted: list[Job] = []
    refused: list[tuple[Job, str]] = []
    lost: set[str] = set()
    start = time.time_ns() - 10**9 * 2 - 10**6 * len(states)
    for path in {path for state in states for path in state.recipe["raw"]}:
        if Path(path).is_file():
            os.utime(path, ns=(start - 10**9, start - 10**9))
    for step, state in enumerate(states):
        broken = damaged(state)
        if state.causes or broken or state.upstream or lost & set(state.recipe["made_from"]):
            lost.update(state.job.outputs)
            if broken and not state.causes:
                Path(state.job.made_from).unlink()  # so that it is made again
            reason = [*state.causes, *(f"{path} is damaged" for path in broken), "what it was made from is made again"]
            refused.append((state.job, reason[0]))
        else:
            _set_times(state.job, start + step * 10**6)
            adopted.append(state.job)
    return adopted, refused


def _set_times(job: Job, at: int) -> None:
    """Give a job's recipe and outputs times that follow one another; those upstream have earlier ones."""
    os.utime(job.recipe, ns=(at, at))
    for name in (*job.outputs, job.made_from, job.benchmark):
        for path in (Path(name), Path(name, ".snakemake_timestamp")):
            if path.exists():
                os.utime(path, ns=(at + 1000, at + 1000), follow_symlinks=False)
