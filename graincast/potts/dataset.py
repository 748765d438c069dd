"""Simulated data sets: initial states and growth runs in SPPARKS run folders (DeCost & Holm 2017).

Each state and growth run has its own seed, derived from the data set's seed and its number, so a batch does not
depend on the others.
"""

from pathlib import Path

import numpy as np

from graincast.files.atomic import whole
from graincast.potts import coarse, protocol
from graincast.program.progress import Progress
from graincast.raw.spparks_writing import write_initial, write_stats

INITIAL, TYPES, RED, GROWTH = range(4)


def record_times(growth: dict) -> np.ndarray:
    """The times at which areas are recorded, float64 [records], MCS, from 0 to the end."""
    end, record = growth["time"], growth["record"]
    between = np.asarray(record, float) if isinstance(record, list) else np.arange(1, np.ceil(end / record)) * record
    return np.unique(np.concatenate([[0.0], between[(between > 0) & (between < end)], [float(end)]]))


def simulate(folder: Path, numbers: range, settings: dict, title: str) -> list[Path]:
    """Simulate the states with these numbers into `folder`/run-000001, …; returns the run folders.

    Run folders appear whole; those that are there already are kept.

    settings  the data set's `simulate` section (config/README.md)
    title     head of the progress lines
    """
    steps = 1 + settings["growth"]["runs"]
    progress = Progress(title, len(numbers) * steps, "states and growth runs")
    run_folders = []
    for number in numbers:
        run = folder / f"run-{number:06d}"
        if run.is_dir():
            progress.advance(steps, f"{run.name}: made before")
        else:
            with whole(run) as partial:
                _simulate_state(partial, number, settings, progress)
        run_folders.append(run)
    return run_folders


def _simulate_state(folder: Path, number: int, settings: dict, progress: Progress) -> None:
    """Simulate one initial state and its growth runs into a run folder."""
    growth = settings["growth"]
    name = f"run-{number:06d}"
    labels = protocol.initialise(settings["size"], seed=_seed(settings["seed"], number, INITIAL), **settings["initial"])
    red_fraction = _red_fraction(settings, number)
    types = protocol.assign_types(labels, red_fraction, seed=_seed(settings["seed"], number, TYPES))
    write_initial(folder / "spparks_init" / "initial.dream3d", labels, types, red_fraction)
    progress.advance(note=f"{name}: {types.size - 1} grains")
    for repeat in range(1, growth["runs"] + 1):
        grown = coarse.grow(
            labels,
            types,
            growth.get("coarsen", 1),
            temperature=growth["temperature"],
            record_times=record_times(growth),
            min_mobility=settings["min_mobility"],
            uniform_mobility=settings["mobility"] == "uniform",
            seed=_seed(settings["seed"], number, GROWTH, repeat),
            report=_fraction_done(progress),
        )
        write_stats(
            folder / "spparks_results" / f"run_{repeat}" / "stats.h5", grown.times, coarse.areas_of_map(grown, labels)
        )
        progress.advance(0, f"{name}: {grown.events:,} flips")


def _fraction_done(progress: Progress) -> protocol.Report:
    """A callback that advances the progress by the completed fraction of one growth run."""
    reported = 0.0

    def report(done: float, total: float) -> None:
        nonlocal reported
        progress.advance(done / total - reported)
        reported = done / total

    return report


def _seed(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0])


def _red_fraction(settings: dict, number: int) -> float:
    fraction = settings["red_fraction"]
    if not isinstance(fraction, list):
        return float(fraction)
    return float(np.random.default_rng([settings["seed"], number, RED]).uniform(*fraction))
