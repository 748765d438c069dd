"""How unequal growth runs are, how well their cost can be foreseen, and how equal batches of them become.

    python -m benchmarks.potts_batches     some minutes of CPU

Grows states of two kinds, those of the default configuration and larger ones, and counts flips, to which the cost is
proportional. Writes benchmarks/results.json.
"""

import argparse
import json
from typing import Any, NamedTuple

import numpy as np

from benchmarks import results
from graincast.potts import forecast, protocol
from graincast.potts.batches import shared_out

RED = 0.2
JOBS, BLOCK = 32, 8
BATCHES = (1, 4, 8, 25, 50)


class Kind(NamedTuple):
    """States of some size, how long they are initialised, and how long they grow."""

    size: int
    initial: float
    growth: float


KINDS = {"128², default configuration": Kind(128, 30, 200_000), "256²": Kind(256, 500, 1_000_000)}


def main() -> None:
    """Print the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=120, help="initial states of a kind, one run each (default 120)")
    arguments = parser.parse_args()
    figures = {name: of_kind(kind, arguments.states) for name, kind in KINDS.items()}
    print(json.dumps(figures, indent=2))
    results.write("potts_batches", figures, ["numba", "numpy"])


def of_kind(kind: Kind, states: int) -> dict[str, Any]:
    """How unequal the flips of some states are, and how equal jobs can be made."""
    flips, foreseen = np.array([grown(kind, seed) for seed in range(states)]).T
    rng = np.random.default_rng(0)
    return {
        "million flips": results.spread(flips / 1e6),
        "standard deviation / mean": round(float(flips.std() / flips.mean()), 2),
        "correlation of the logarithms of flips and forecast": round(
            float(np.corrcoef(np.log(foreseen), np.log(flips))[0, 1]), 2
        ),
        f"slowest of {JOBS} jobs / median, by states per job": {
            size: shares(rng, flips, foreseen, size) for size in BATCHES
        },
    }


def shares(rng: np.random.Generator, flips: np.ndarray, foreseen: np.ndarray, size: int) -> dict[str, float]:
    """The slowest job as a multiple of the median: consecutive states, and blocks of batches balanced by forecast."""
    found = []
    for _ in range(400):
        states = rng.choice(len(flips), JOBS * size)
        balanced = [
            block[share]
            for block in states.reshape(JOBS // BLOCK, BLOCK * size)
            for share in shared_out(foreseen[block].tolist(), BLOCK, size)
        ]
        found.append([slowest(flips[jobs]) for jobs in (states.reshape(JOBS, size), np.array(balanced))])
    return dict(zip(("by number", "balanced"), np.median(found, axis=0).round(2).tolist(), strict=True))


def slowest(flips: np.ndarray) -> float:
    """The flips of the job with most, as a multiple of the median. flips [jobs, states per job]."""
    job = flips.sum(axis=1)
    return float(job.max() / np.median(job))


def grown(kind: Kind, seed: int) -> tuple[int, float]:
    """Flips of one growth run, and their forecast."""
    labels = protocol.initialise(
        kind.size, temperature=0.9, time=kind.initial, quench_temperature=0.1, quench_time=3, seed=seed
    )
    types = protocol.assign_types(labels, RED, seed=seed)
    run = protocol.grow(labels, types, temperature=0.9, record_times=np.array([0, kind.growth]), seed=seed)
    return run.events, forecast.cost(labels, types)


if __name__ == "__main__":
    main()
