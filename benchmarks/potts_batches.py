"""How unequal growth runs are, how well their cost can be foreseen, and how equal batches of them become.

    python -m benchmarks.potts_batches     some minutes of CPU

Grows states of the kind of the default configuration and counts flips, to which the cost is proportional. Writes
benchmarks/results.json.
"""

import argparse
import json

import numpy as np
from scipy import stats

from benchmarks import results
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY
from graincast.potts import protocol

SIZE, INITIAL_TIME, GROWTH_TIME, RED = 128, 30, 200_000, 0.2
JOBS = 32
BATCHES = (1, 4, 8, 25, 50)


def main() -> None:
    """Print the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=120, help="initial states, one growth run each (default 120)")
    arguments = parser.parse_args()
    flips, known = zip(*(grown(seed) for seed in range(arguments.states)), strict=True)
    flips, known = np.array(flips), np.array(known)
    logarithms = np.c_[np.ones(len(known)), np.log(known)]
    fitted = logarithms @ np.linalg.lstsq(logarithms, np.log(flips), rcond=None)[0]
    rng = np.random.default_rng(0)
    figures = {
        "million flips": results.spread(flips / 1e6),
        "standard deviation / mean": round(float(flips.std() / flips.mean()), 2),
        "rank correlation of flips with": {
            name: round(float(stats.spearmanr(column, flips)[0]), 2)
            for name, column in zip(("candidate area", "red area", "red area / distance²"), known.T, strict=True)
        },
        "correlation of the best fit with log flips": round(float(np.corrcoef(fitted, np.log(flips))[0, 1]), 2),
        f"slowest of {JOBS} jobs / median, by states per job": {
            size: shares(rng, flips, np.exp(fitted), size) for size in BATCHES
        },
    }
    print(json.dumps(figures, indent=2))
    results.write("potts_batches", figures, ["numba", "numpy"])


def shares(rng: np.random.Generator, flips: np.ndarray, forecast: np.ndarray, size: int) -> dict[str, float]:
    """The slowest job as a multiple of the median: states shared out by their number, and evenly by forecast flips."""
    found = []
    for _ in range(1000):
        states = rng.choice(len(flips), JOBS * size)
        found.append([slowest(flips[jobs]) for jobs in (states.reshape(JOBS, size), balanced(states, forecast, size))])
    return dict(zip(("by number", "by forecast"), np.median(found, axis=0).round(2).tolist(), strict=True))


def balanced(states: np.ndarray, forecast: np.ndarray, size: int) -> np.ndarray:
    """States [jobs, size]: the costliest first, each to the job with least so far that is not full."""
    load, jobs = np.zeros(JOBS), [[] for _ in range(JOBS)]
    for state in states[np.argsort(-forecast[states])]:
        job = int(np.argmin(load))
        jobs[job].append(state)
        load[job] = np.inf if len(jobs[job]) == size else load[job] + forecast[state]
    return np.array(jobs)


def slowest(flips: np.ndarray) -> float:
    """The flips of the job with most, as a multiple of the median. flips [jobs, states per job]."""
    job = flips.sum(axis=1)
    return job.max() / np.median(job)


def grown(seed: int) -> tuple[int, list[float]]:
    """Flips of one growth run, and what is known beforehand: candidate area, red area, red area / distance²."""
    labels = protocol.initialise(
        SIZE, temperature=0.9, time=INITIAL_TIME, quench_temperature=0.1, quench_time=3, seed=seed
    )
    kind = protocol.assign_types(labels, RED, seed=seed)
    run = protocol.grow(labels, kind, temperature=0.9, record_times=[0, GROWTH_TIME], seed=seed)
    candidate, red = (kind[labels] == CANDIDATE), kind[labels] == HIGH_MOBILITY
    turns = [2j * np.pi / SIZE * where for where in np.nonzero(candidate)]
    centre = [np.angle(np.exp(turn).mean()) * SIZE / (2 * np.pi) for turn in turns]  # on the torus
    away = [
        (where - at + SIZE / 2) % SIZE - SIZE / 2 for where, at in zip(np.indices(labels.shape), centre, strict=True)
    ]
    nearness = (red / np.maximum(away[0] ** 2 + away[1] ** 2, 1)).sum()
    return run.events, [candidate.sum(), red.sum(), nearness]


if __name__ == "__main__":
    main()
