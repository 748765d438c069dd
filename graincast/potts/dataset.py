"""Simulated data sets: initial states and growth runs in SPPARKS run folders (DeCost & Holm 2017).

Each state and growth run has its own seed, derived from the data set's seed and its number, so a batch does not
depend on the others.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from graincast.files.atomic import whole
from graincast.files.hard_links import link_tree
from graincast.potts import coarse, forecast, protocol
from graincast.program.progress import Progress
from graincast.raw.spparks_writing import reread_initial, write_initial, write_stats

INITIAL, TYPES, RED, GROWTH = range(4)
INITIAL_FILE = Path("spparks_init", "initial.dream3d")


def record_times(growth: dict) -> np.ndarray:
    """The times at which areas are recorded, float64 [records], MCS, from 0 to the end."""
    end, record = growth["time"], growth["record"]
    between = np.asarray(record, float) if isinstance(record, list) else np.arange(1, np.ceil(end / record)) * record
    return np.unique(np.concatenate([[0.0], between[(between > 0) & (between < end)], [float(end)]]))


def initialise(folder: Path, numbers: Iterable[int], settings: dict, title: str) -> list[Path]:
    """Make the initial states with these numbers in `folder`/run-000001, …; returns the run folders.

    Run folders appear whole; those that are there already are kept.

    settings  the data set's `simulate` section (config/README.md), of which growth is not used
    title     head of the progress lines
    """
    numbers = list(numbers)
    progress = Progress(title, len(numbers), "states")

    def state(run: Path, number: int) -> None:
        _initialise(run, number, settings, progress)

    return [_state(folder, number, progress, 1, state) for number in numbers]


def simulate(
    folder: Path, numbers: Iterable[int], settings: dict, title: str, initial: Path | None = None
) -> list[Path]:
    """Simulate the states with these numbers in `folder`/run-000001, …; returns the run folders.

    Run folders appear whole; those that are there already are kept.

    settings  the data set's `simulate` section
    initial   a folder where `initialise` has made the initial states; None: they are made here
    """
    numbers = list(numbers)
    steps = 1 + settings["growth"]["runs"]
    progress = Progress(title, len(numbers) * steps, "states and growth runs")

    def state(run: Path, number: int) -> None:
        if initial:
            link_tree(initial / name_of(number), run)
            labels, types = reread_initial(run / INITIAL_FILE)
            progress.advance()
        else:
            labels, types = _initialise(run, number, settings, progress)
        _grow(run, number, labels, types, settings, progress)

    return [_state(folder, number, progress, steps, state) for number in numbers]


def name_of(number: int) -> str:
    """The name of a state's run folder."""
    return f"run-{number:06d}"


def forecast_cost(run_folder: Path) -> float:
    """What the growth runs of an initial state cost, by forecast, in units that all states of a data set share."""
    return forecast.cost(*reread_initial(run_folder / INITIAL_FILE))


def _state(folder: Path, number: int, progress: Progress, steps: int, make: Callable[[Path, int], None]) -> Path:
    """A state's run folder, made unless it is there."""
    run = folder / name_of(number)
    if run.is_dir():
        progress.advance(steps, f"{run.name}: made before")
    else:
        with whole(run) as partial:
            make(partial, number)
    return run


def _initialise(folder: Path, number: int, settings: dict, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    """Make one initial state in its run folder; returns its labels and grain types."""
    labels = protocol.initialise(settings["size"], seed=_seed(settings["seed"], number, INITIAL), **settings["initial"])
    red_fraction = _red_fraction(settings, number)
    types = protocol.assign_types(labels, red_fraction, seed=_seed(settings["seed"], number, TYPES))
    write_initial(folder / INITIAL_FILE, labels, types, red_fraction)
    progress.advance(note=f"{name_of(number)}: {types.size - 1} grains")
    return labels, types


def _grow(folder: Path, number: int, labels: np.ndarray, types: np.ndarray, settings: dict, progress: Progress) -> None:
    """Simulate the growth runs from an initial state into its run folder."""
    growth = settings["growth"]
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
        progress.advance(0, f"{name_of(number)}: {grown.events:,} flips")


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
