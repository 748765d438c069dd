"""Cost and validation of the Potts simulator.

    python -m benchmarks.potts              CPU ns per accepted flip, beside a plain kinetic Monte Carlo (tree_kmc.py)
    python -m benchmarks.potts --validate   many seeds of the published sample state, and ranks among SPPARKS's runs

Both write benchmarks/results.json. `python -m benchmarks.potts_counters` counts instructions and branches.

Reads `spparks-sample-run/` and `spparks-runs/` under RAW_DATA_ROOT (default: ../shared/data beside the repository).
"""

import argparse
import json
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from scipy import stats

from benchmarks import results
from benchmarks.comparison import FASTER, raw_data_root
from benchmarks.tree_kmc import TreeKmc
from graincast.microstructure import CANDIDATE
from graincast.potts import protocol
from graincast.potts.lattice import Lattice

TEMPERATURE = 0.9
SAMPLE_END = 2_000_000
REFERENCE = {"growth ratio": (3.45, 2.50, 21), "grains left": (23.9, None, 21), "million flips": (41.8, None, 21)}
"""SPPARKS from the sample state to 2,000,000 MCS: mean, standard deviation, runs."""


@dataclass(frozen=True)
class SpparksState:
    """An initial state, and its SPPARKS runs' growth ratios and grain counts at `end` (MCS), one per run."""

    labels: np.ndarray
    grain_type: np.ndarray
    candidate: int
    end: float
    ratios: list[float]
    counts: list[int]


def read_state(run: Path) -> SpparksState:
    """The state of a run folder; the type of a grain is its number of positive quaternion components minus one."""
    with h5py.File(run / "spparks_init" / "initial.dream3d") as file:
        volume = file["DataContainers/SyntheticVolume"]
        labels = volume["CellData/FeatureIds"][...].astype(np.int32)
        grain_type = np.maximum((volume["CellFeatureData/AvgQuats"][...] > 0).sum(axis=1) - 1, 0).astype(np.int8)
    candidate = 1 + int(np.flatnonzero(grain_type[1:] == CANDIDATE)[0])
    ratios, counts, end = [], [], 0.0
    for path in sorted(run.glob("spparks_results/run_*/stats.h5")):
        with h5py.File(path) as file:
            areas, end = file["grainsize"][...], float(file["time"][-1])
        ratios.append(float(areas[-1, candidate] / areas[0, candidate]))
        counts.append(int((areas[-1] > 0).sum()))
    return SpparksState(labels, grain_type, candidate, end, ratios, counts)


def spparks_states(root: Path) -> Iterator[SpparksState]:
    """The states in `spparks-runs/`, sorted by name."""
    for run in sorted((root / "spparks-runs").glob("run-*")):
        yield read_state(run)


def van_elteren(strata: list[tuple[list[float], list[float]]]) -> float:
    """Two-sided p of van Elteren's stratified rank-sum test (Bull. Inst. Int. Stat. 37, 1960), corrected for ties."""
    difference = variance = 0.0
    for first, second in strata:
        total = len(first) + len(second)
        rank = stats.rankdata(np.concatenate([first, second]))
        difference += (rank[len(first) :].sum() - len(second) * (total + 1) / 2) / (total + 1)
        variance += len(first) * len(second) / total * rank.var(ddof=1) / (total + 1) ** 2
    return float(2 * stats.norm.sf(abs(difference) / np.sqrt(variance))) if variance else 1.0


def main() -> None:
    """Print the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="runs of each timing (default 5)")
    parser.add_argument("--flips", type=int, default=2_000_000, help="accepted flips of a timed growth run")
    parser.add_argument("--validate", action="store_true", help="compare with SPPARKS: minutes of CPU")
    parser.add_argument("--runs", type=int, default=21, help="validation runs from the sample state (default 21)")
    arguments = parser.parse_args()
    sample = read_state(raw_data_root() / "spparks-sample-run")
    if arguments.validate:
        name, figures = "potts_validation", validate_sample(sample, arguments.runs) | validate_ranks(runs=5)
    else:
        name, figures = "potts", cost(sample, arguments.seeds, arguments.flips)
    print(json.dumps(figures, indent=2))
    results.write(name, figures, ["numba", "llvmlite", "numpy"])


def cost(sample: SpparksState, seeds: int, flips: int) -> dict:
    """CPU time of the event loop, ns per accepted flip, without compilation and set-up, and memory of initial states.

    All cases and the plain reference are measured in turn, seed by seed: on a shared machine only ratios hold. The
    copies are compared with the sample state at the same time, so after a sixteenth of their flips.
    """
    small, large = (sample.labels, sample.grain_type), _tiled(sample.labels, sample.grain_type, 4)
    cases = {
        "initialisation": Case(_one_grain_per_site(256), True, 500.0, 1 << 62, True),
        "growth": Case(small, False, SAMPLE_END, flips, True),
        "early growth": Case(small, False, SAMPLE_END, flips // 16, False),
        "early growth of 4 x 4 copies, 1024²": Case(large, False, SAMPLE_END, flips, False),
    }
    timings = [  # the first is not counted: it compiles and warms up
        {name: case.timing(seed, warm_up=not seed) for name, case in cases.items()} for seed in range(seeds + 1)
    ][1:]
    figures: dict[str, Any] = {name: _figures([timing[name] for timing in timings]) for name in cases}
    one, copies = list(cases)[2:]
    ratios = [timing[copies].own / timing[one].own for timing in timings]
    figures[copies]["times the cost of one copy"] = results.spread(ratios)
    figures["initial state, 1024²"] = {"peak bytes per site": round(_peak_of_initial_state(1024) / 1024**2, 1)}
    return figures


class Timing(NamedTuple):
    """CPU ns per flip of the event loop and of the plain reference (NaN: not run), draws per flip, bytes per site."""

    own: float
    reference: float
    draws: float
    size: float


class Case(NamedTuple):
    """What is simulated: a state (labels, grain types) to a time or by so many flips, at uniform mobility or not."""

    state: tuple[np.ndarray, np.ndarray]
    uniform: bool
    end: float
    flips: int
    with_reference: bool

    def timing(self, seed: int, warm_up: bool) -> Timing:
        lattice = _lattice(*self.state, self.uniform, self.end, seed)
        own = _ns_per_flip(lattice, lambda run: run.advance(max_events=self.flips))
        reference = np.nan
        if self.with_reference:
            plain = TreeKmc(*self.state, temperature=TEMPERATURE, min_mobility=0.001, uniform=self.uniform, seed=seed)
            reference = _ns_per_flip(plain, lambda run: run.advance(self.end, 1 if warm_up else self.flips))
        size = (lattice.sites.nbytes + lattice.lists.nbytes) / lattice.labels.size
        return Timing(own, reference, lattice.draws / lattice.events, size)


def _figures(timings: list[Timing]) -> dict:
    own, reference, draws, size = np.array(timings).T
    figures = {"CPU ns per flip": results.spread(own), "draws per flip": round(draws.mean(), 3)}
    figures["bytes per site"] = round(size[-1], 1)
    if not np.isnan(reference).any():
        figures["plain kinetic Monte Carlo, CPU ns per flip"] = results.spread(reference)
        figures[FASTER] = results.spread(reference / own)
    return figures


def _peak_of_initial_state(size: int) -> int:
    """The most bytes that arrays take while an initial state is made."""
    tracemalloc.start()
    try:
        # The start takes most.
        protocol.initialise(size, temperature=TEMPERATURE, time=5, quench_temperature=0.1, quench_time=1, seed=0)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _one_grain_per_site(size: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(1, size * size + 1, dtype=np.int32).reshape(size, size), np.ones(size * size + 1, np.int8)


def _tiled(labels: np.ndarray, grain_type: np.ndarray, copies: int) -> tuple[np.ndarray, np.ndarray]:
    """Copies of a state side by side, each with grains of its own."""
    grains = len(grain_type) - 1
    number = np.arange(copies * copies).reshape(copies, copies)
    tiled = np.tile(labels, (copies, copies)) + grains * np.kron(number, np.ones_like(labels))
    return tiled, np.concatenate([grain_type[:1], np.tile(grain_type[1:], copies * copies)])


def _lattice(labels: np.ndarray, grain_type: np.ndarray, uniform: bool, end: float, seed: int) -> Lattice:
    return Lattice(
        labels,
        grain_type,
        temperature=TEMPERATURE,
        min_mobility=0.001,
        uniform=uniform,
        record_times=np.array([0.0, end]),
        stream=np.random.SeedSequence(seed),
    )


def _ns_per_flip(simulation: Lattice | TreeKmc, advance: Callable) -> float:
    start = time.process_time()
    advance(simulation)
    return (time.process_time() - start) / simulation.events * 1e9


def validate_sample(sample: SpparksState, runs: int) -> dict:
    """Means of many runs from the sample state, with standard errors, beside those of SPPARKS."""
    sampled = {name: [] for name in REFERENCE}
    start = time.process_time()
    for seed in range(runs):
        growth = protocol.grow(
            sample.labels, sample.grain_type, temperature=TEMPERATURE, record_times=[0, SAMPLE_END], seed=seed
        )
        sampled["growth ratio"].append(growth.areas[-1, sample.candidate] / growth.areas[0, sample.candidate])
        sampled["grains left"].append((growth.areas[-1] > 0).sum())
        sampled["million flips"].append(growth.events / 1e6)
    seconds = time.process_time() - start
    figures = {"CPU ns per flip": round(seconds / sum(sampled["million flips"]) * 1e3, 1)}
    for name, values in sampled.items():
        figures[name] = {
            "mean": round(float(np.mean(values)), 2),
            "standard error": round(float(stats.sem(values)), 2),
            "sd": round(float(np.std(values, ddof=1)), 2),
            "range": [round(float(min(values)), 2), round(float(max(values)), 2)],
            "SPPARKS mean, sd, runs": REFERENCE[name],
        }
    return {f"sample state, {runs} runs": figures}


def validate_ranks(runs: int) -> dict:
    """P-values of growth ratios and grain counts ranked among SPPARKS's runs, state by state."""
    states = list(spparks_states(raw_data_root()))
    p_ratios, p_counts = ranks_among_spparks(states, runs)
    figures = {"p of growth ratios": round(p_ratios, 4), "p of grain counts": round(p_counts, 4)}
    return {f"{len(states)} states of SPPARKS, {runs} runs each": figures}


def ranks_among_spparks(states: Iterable[SpparksState], runs: int) -> tuple[float, float]:
    """Van Elteren's p of growth ratios and of grain counts: `runs` runs of each state against those of SPPARKS.

    Runs in which one grain fills the box tie, or nearly; the test allows for ties.
    """
    ratios, counts = [], []
    for number, state in enumerate(states):
        growths = [
            protocol.grow(
                state.labels,
                state.grain_type,
                temperature=TEMPERATURE,
                record_times=np.array([0, state.end]),
                seed=100 * number + run,
            )
            for run in range(runs)
        ]
        initial = (state.labels == state.candidate).sum()
        ratios.append((state.ratios, [growth.areas[-1, state.candidate] / initial for growth in growths]))
        counts.append((state.counts, [int((growth.areas[-1] > 0).sum()) for growth in growths]))
    return van_elteren(ratios), van_elteren(counts)


if __name__ == "__main__":
    main()
