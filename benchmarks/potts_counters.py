"""Instructions, branches and cache misses of the event loop per accepted flip, as callgrind counts them (Valgrind).

    python -m benchmarks.potts_counters          a few minutes

Two runs of different length are subtracted, so that imports and set-up do not count. Callgrind predicts branches and
caches by a simple model: compare its figures with one another, not with a processor's. Writes benchmarks/results.json.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import results
from graincast.potts.lattice import Lattice

SHORT, LONG = 1_000, 301_000
COUNTERS = {
    "Ir": "instructions",
    "Bc": "branches",
    "Bcm": "mispredicted branches",
    "D1mr": "level 1 read misses",
    "D1mw": "level 1 write misses",
    "DLmr": "last level read misses",
}


def main() -> None:
    """Measure, and write the figures; or with --run, be the program that is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=int, metavar="FLIPS", help="only advance the sample state by so many flips")
    parser.add_argument("--state", type=Path, help="the sample state as an .npz file, for --run")
    arguments = parser.parse_args()
    if arguments.run:
        sample_lattice(**np.load(arguments.state)).advance(max_events=arguments.run)
        return
    from benchmarks.comparison import raw_data_root
    from benchmarks.potts import read_state  # its imports would cost minutes under valgrind

    sample = read_state(raw_data_root() / "spparks-sample-run")
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder, "state.npz")
        np.savez(state, labels=sample.labels, grain_type=sample.grain_type)
        short, long = (count(flips, state, Path(folder)) for flips in (SHORT, LONG))
    figures = {name: round((long[key] - short[key]) / (LONG - SHORT), 2) for key, name in COUNTERS.items()}
    figures |= changes(sample_lattice(sample.labels, sample.grain_type), flips=2000)
    for name, figure in figures.items():
        print(f"{name:32} {figure:8.2f} per flip")
    results.write("potts_counters", figures, ["numba", "llvmlite", "numpy"])


def sample_lattice(labels: np.ndarray, grain_type: np.ndarray) -> Lattice:
    """The published sample state at the start of its growth run."""
    return Lattice(
        labels,
        grain_type,
        temperature=0.9,
        min_mobility=0.001,
        uniform=False,
        record_times=np.array([0.0, 2e6]),
        stream=np.random.SeedSequence(1),
    )


def count(flips: int, state: Path, folder: Path) -> dict[str, int]:
    """Callgrind's totals for one run. The code is compiled beforehand, for a processor that callgrind knows."""
    out = folder / f"callgrind.{flips}"
    program = [sys.executable, "-m", "benchmarks.potts_counters", "--run", str(flips), "--state", str(state)]
    environment = {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "",
        "NUMBA_CACHE_DIR": str(folder),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",  # the imports of both runs take the same instructions
    }
    subprocess.run(program, env=os.environ | environment, check=True)
    options = ["--tool=callgrind", "--branch-sim=yes", "--cache-sim=yes", f"--callgrind-out-file={out}"]
    subprocess.run(["valgrind", "--quiet", *options, *program], env=os.environ | environment, check=True)
    lines = dict(
        line.split(": ", 1) for line in out.read_text().splitlines() if line.startswith(("events:", "totals:"))
    )
    return dict(zip(lines["events"].split(), map(int, lines["totals"].split()), strict=True))


def changes(lattice: Lattice, flips: int) -> dict[str, float]:
    """Draws per flip, and sites per flip whose class changes, after a million flips."""
    lattice.advance(max_events=1_000_000)
    draws, changed = lattice.draws, 0
    before = lattice.rates.class_of[lattice.words & len(lattice.rates.class_of) - 1]
    for _ in range(flips):
        lattice.advance(max_events=1)
        after = lattice.rates.class_of[lattice.words & len(lattice.rates.class_of) - 1]
        changed += int((before != after).sum())
        before = after
    return {"draws": round((lattice.draws - draws) / flips, 3), "changes of class": round(changed / flips, 2)}


if __name__ == "__main__":
    main()
