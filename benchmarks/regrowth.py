"""Does the simulator grow SPPARKS's states as SPPARKS does? A rank test on the states that have runs of both.

    python -m benchmarks.regrowth --runs 20

Each state is grown `--runs` times to the end of its SPPARKS runs. Within each state, the candidate's growth ratios of
both are ranked together, and the ranks of SPPARKS's runs are added up over all states (a stratified Wilcoxon test; van
Elteren 1960). Were both of one law, every choice of a state's runs would be as likely to be SPPARKS's: so p is the
share of `--permutations` random choices whose sum lies as far from its mean. The level is 1 %. Its power is shown on a
kernel that is made 10 % slower on purpose, which is grown to nine tenths of the time.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from benchmarks import results
from benchmarks.comparison import raw_data_root
from graincast.microstructure import Microstructure
from graincast.potts import protocol
from graincast.program.main import run
from graincast.raw import spparks
from graincast.raw.sources import run_folders

LEVEL = 0.01


def ratios(state: Microstructure, runs: int, speed: float = 1.0) -> np.ndarray:
    """The candidate's growth ratio in runs of this simulator to `speed` times the end of SPPARKS's, float64 [runs]."""
    end = speed * float(state.times[0][-1])
    found = []
    for seed in range(runs):
        grown = protocol.grow(
            state.labels, state.type_by_label, temperature=0.9, record_times=np.array([0, end]), seed=seed
        )
        found.append(grown.areas[-1, 1:][state.candidate_index] / state.area[state.candidate_index])
    return np.array(found)


def p_value(pairs: list[tuple[np.ndarray, np.ndarray]], permutations: int, seed: int = 0) -> float:
    """The p-value of the stratified rank test; `pairs` are the growth ratios of either kind in each state."""
    rng = np.random.default_rng(seed)
    distance, drawn = 0.0, np.zeros(permutations)
    for ours, theirs in pairs:
        rank = rankdata(np.concatenate([ours, theirs])) / (ours.size + theirs.size + 1) - 0.5
        distance += rank[ours.size :].sum()
        keys = rng.random((permutations, rank.size))
        drawn += rank[keys.argsort(axis=1)[:, : theirs.size]].sum(axis=1)
    return float((1 + (np.abs(drawn) >= abs(distance) - 1e-12).sum()) / (1 + permutations))


def main(args: argparse.Namespace) -> None:
    states = [spparks.read(folder, folder.name) for folder in run_folders(args.data)]
    theirs = [state.candidate_growth_ratios for state in states]
    found: dict = {}
    for name, speed in (("this simulator", 1.0), ("made 10 % slower", 0.9)):
        pairs = [(ratios(state, args.runs, speed), other) for state, other in zip(states, theirs, strict=True)]
        p = p_value(pairs, args.permutations)
        mean, other = (float(np.mean([np.mean(kind) for kind in kinds])) for kinds in zip(*pairs, strict=True))
        found[name] = {
            "p": round(p, 4),
            f"rejected at {LEVEL:.0%}": p < LEVEL,
            "mean growth ratio": round(mean, 3),
            "of SPPARKS": round(other, 3),
        }
    print(json.dumps(found, indent=2))
    results.write("regrowth", found, ["numpy", "numba", "scipy"])


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument(
        "--data",
        type=Path,
        default=raw_data_root() / "spparks-runs",
        help="SPPARKS run folders with several growth runs",
    )
    p.add_argument("--runs", type=int, default=20, help="growth runs of this simulator per state")
    p.add_argument("--permutations", type=int, default=10000)
    run(main, p)
