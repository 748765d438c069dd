"""What lies in the results and belongs to no configuration any more."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from graincast.planning.jobs import Job

RESULTS = Path("results")


def leftovers(jobs: Iterable[Job]) -> list[Path]:
    """Files and folders of jobs that no configuration names: recipes, experiments, trials, ensembles, data sets.

    jobs  of all configurations that are to be kept
    """
    jobs = list(jobs)
    recipes = {Path(job.recipe) for job in jobs}
    experiments = {job.wildcards["experiment"] for job in jobs if "experiment" in job.wildcards}
    trials = {(job.wildcards["experiment"], job.wildcards["job"]) for job in jobs if "job" in job.wildcards}
    ensembles = {job.wildcards["experiment"] for job in jobs if job.rule == "members"}
    datasets = {job.wildcards["dataset"] for job in jobs if "dataset" in job.wildcards}
    found = [path for path in sorted(RESULTS.glob("recipes/**/[!.]*.json")) if path not in recipes]
    for folder in sorted(RESULTS.glob("experiments/*")):
        if folder.name not in experiments:
            found.append(folder)
        else:
            if folder.name not in ensembles:
                found += folder.glob("members")
            own = sorted(folder.glob("trials/*"))
            found += [trial for trial in own if (folder.name, trial.name) not in trials]
    found += [folder for folder in sorted(RESULTS.glob("datasets/*")) if folder.name not in datasets]
    return found


def remove(paths: Iterable[Path]) -> None:
    """Remove files and folders."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
