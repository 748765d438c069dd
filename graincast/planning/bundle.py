"""A finished experiment in one file: what was run, on what, with which result, for a reader elsewhere.

Everything keeps the path that it has in a checkout, so what reads results reads an unpacked bundle too. Raw data, grain
graphs and features are left out: manifests and digests say which they were. Nothing names the machine, unless a path of
the configuration does.
"""

import difflib
import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from graincast.files import zip_entry
from graincast.files.atomic import whole
from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.planning import bundle_readme, recipes
from graincast.planning.chain import Chain, check
from graincast.planning.jobs import Job
from graincast.program.cost import FILE as COST
from graincast.program.recipe import note_of

ROOT = Path(__file__).parents[2]
CONFIGURATION, MANIFEST, README = "configuration.yaml", "manifest.json", "README.md"
STEPS = ("test_metrics.json", "MODEL_CARD.md", "figures")
"""The first outputs of an experiment's last steps, whose outputs are bundled whole."""
RESULTS = ("model.h5", "predictions.csv", "trials.csv", "sources.zip")
TABLES = (".csv", ".json", ".png")
"""What is bundled of the steps before: tables, records and pictures, no arrays and no folders."""
OF_ALL = ("ceiling", "figures")
"""Rules whose settings come from all experiments of a configuration, so that of one alone has others."""
TRAINING = ("train", "study")
"""Rules that train an experiment's trials."""
VERSION = 1


def write(experiment: str, results: Path, settings: Mapping[str, Any], jobs: Iterable[Job], out: Path) -> None:
    """Write an experiment as a zip file; the same results give the same bytes.

    settings  its resolved configuration, loaded
    jobs      all jobs of that
    Raises BadInput where the experiment is not there, not finished, not as its steps left it, or was made from other
    settings.
    """
    folder = finished(experiment, results)
    chain = Chain(results, [f"results/experiments/{experiment}/{name}" for name in STEPS])
    _check_settings(chain, jobs, folder / CONFIGURATION)
    resolved = (CONFIGURATION, f"results/experiments/{experiment}/{CONFIGURATION}")
    entries: dict[str, Path | bytes] = dict.fromkeys(resolved, folder / CONFIGURATION)
    entries |= _results(chain, experiment) | _of_datasets(chain)
    entries |= {path: chain.place(path) for path in chain.notes}
    entries |= {path: recipes.text(recipe).encode() for path, recipe in chain.recipes.items()}
    entries |= {f"envs/{path.name}": path for path in (ROOT / "envs").glob("*.lock")}
    commits = _commits(chain)
    entries[README] = bundle_readme.text(experiment, settings, commits, list(entries)).encode()
    digests = {name: _digest(entries[name]) for name in sorted(entries)}
    about = {"format": "graincast-bundle", "version": VERSION, "experiment": experiment, "commits": commits}
    listed = {**about, "packages": chain.packages, "sha256": digests}
    entries[MANIFEST] = (json.dumps(listed, indent=1, ensure_ascii=False) + "\n").encode()
    pack(entries, digests, out)


def finished(experiment: str, results: Path) -> Path:
    """The folder of a finished experiment. Raises BadInput where there is none."""
    experiments = results / "experiments"
    names = sorted(path.name for path in experiments.glob("[!.]*") if path.is_dir())
    if experiment not in names:
        near = difflib.get_close_matches(experiment, names, 1)
        there = f"did you mean {near[0]}?" if near else f"there: {', '.join(names) or 'none yet, run make first'}"
        raise BadInput(f"{experiment}: no such experiment in {experiments}; {there}")
    folder = experiments / experiment
    for name in (*STEPS, *RESULTS, CONFIGURATION):
        if not (folder / name).exists():
            raise BadInput(f"{experiment}: not finished, {folder / name} is missing; run the workflow to its end")
    return folder


def _results(chain: Chain, experiment: str) -> dict[str, Path | bytes]:
    """The files of the experiment, and tables of the steps before; each is as its step left it."""
    own = {note_of(f"results/experiments/{experiment}/{name}") for name in STEPS}
    found: dict[str, Path | bytes] = {}
    for name, note in chain.notes.items():
        for path, expected in note["outputs"].items():
            place = chain.place(path)
            if name in own or (path.endswith(TABLES) and not place.is_dir()):
                check(place, expected)
                found |= _files(path, place)
    for path, expected in chain.raw.items():
        check(chain.place(path), expected)
        found |= _files(path, chain.place(path))
    return found


def _files(path: str, place: Path) -> dict[str, Path | bytes]:
    """A file, or those of a folder, by path; hidden ones are Snakemake's."""
    if not place.is_dir():
        return {path: place}
    inside = (file for file in place.rglob("[!.]*") if file.is_file())
    return {f"{path}/{file.relative_to(place).as_posix()}": file for file in inside}


def _of_datasets(chain: Chain) -> dict[str, Path | bytes]:
    """What tells of the data sets and is no step on the way to the experiment, where it is there."""
    paths = [f"results/datasets/{name}/{file}" for name in chain.datasets for file in ("summary.csv", "rejected.csv")]
    beside = [path.removesuffix(".h5") + ".rejected.csv" for path in chain.outputs if path.endswith(".h5")]
    return {path: chain.place(path) for path in [*paths, *beside] if chain.place(path).is_file()}


def _commits(chain: Chain) -> list[str]:
    """The commits of the sources that trained and evaluated, each with a word where the sources had changes."""
    found = set()
    for path in sorted({chain.place(note).with_name(COST) for note in chain.notes}):
        if path.is_file():
            try:
                found.add(json.loads(path.read_bytes()).get("commit", ""))
            except (ValueError, AttributeError):
                raise BadInput(f"{path}: damaged; run the workflow again") from None
    return sorted(found - {""})


def _check_settings(chain: Chain, jobs: Iterable[Job], configuration: Path) -> None:
    """Raise BadInput where the configuration says otherwise than what the steps were made from."""
    made, jobs = chain.recipes, list(jobs)
    trained = {path for path, one in made.items() if one["rule"] in TRAINING}
    if trained != {job.recipe for job in jobs if job.rule in TRAINING}:
        raise BadInput(f"{configuration}: has other training jobs than the results; run the workflow again")
    for job in jobs:
        if job.recipe in made and job.rule not in OF_ALL:
            wanted = json.loads(json.dumps(job.parameters))
            for found in recipes.differences(made[job.recipe]["parameters"], wanted):
                said = recipes.difference(*found)
                raise BadInput(f"{configuration}: not what {job.name} was made from: {said}; run the workflow again")


def _digest(content: Path | bytes) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else digest(content)


def pack(entries: Mapping[str, Path | bytes], digests: Mapping[str, str], out: Path) -> None:
    """Write a zip of these contents by name. Raises BadInput where one is no longer what its digest says."""
    with whole(out) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name in sorted(entries):
            added = zip_entry.add(archive, name, entries[name])
            if added != digests.get(name, added):
                raise BadInput(f"{name}: changed while it was packed; try again when no run is going on")
