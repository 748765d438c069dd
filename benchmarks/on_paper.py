"""How much a data set takes that nobody has run yet, from measured costs: python -m benchmarks.on_paper.

Simulated whole maps of the published kind (512², 4,000,000 MCS), one growth run each, through graphs, features and the
training of a graph attention network. A few states of a quarter of that size are grown here: per site and MCS they flip
as often, so a state of the full size takes sixteen times as long (four times the sites, four times the time). Graphs
and features are made here too; reading and an epoch are those of results.json, by the benchmarks `reading`, `training`.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path

from benchmarks import results
from benchmarks.comparison import seconds
from benchmarks.memory import COLUMNS, microstructures
from graincast.features import table
from graincast.features.rows import row
from graincast.graphs import shards
from graincast.potts import protocol

SIMULATIONS, CORES = (27_588, 1_000_000), (1, 64, 1024)
SIZE, INITIAL_TIME, GROWTH_TIME, RED = 256, 125, 1_000_000, 0.18
LARGER = 16
"""The cost of a state of the published size, as a multiple of one of a quarter of it."""
BATCH = 100  # states in a job
EPOCHS, FOLDS = 100, 1
TRAINED = "an epoch on graphs of 440 grains, in memory"
IN_EPOCH = 60  # graphs of that benchmark


def grown(seed: int) -> float:
    """CPU s of one state and its growth run."""

    def grow() -> None:
        labels = protocol.initialise(
            SIZE, temperature=0.9, time=INITIAL_TIME, quench_temperature=0.1, quench_time=3, seed=seed
        )
        kind = protocol.assign_types(labels, RED, seed=seed)
        protocol.grow(labels, kind, temperature=0.9, record_times=[0, GROWTH_TIME], seed=seed)

    return seconds(grow)


def taken(simulations: int, costs: dict[str, float]) -> dict:
    """Core hours, storage, jobs and hours on CORES, of this many simulations.

    costs  CPU s of one simulation, CPU ms of its graph and features and of its part of an epoch, kB of its results
    """
    hours = {
        "simulation": simulations * costs["simulation, CPU s"] / 3600,
        "graphs and features": simulations * costs["graphs and features, CPU ms"] / 3.6e6,
        "training": simulations * costs["epoch, CPU ms"] * EPOCHS * FOLDS / 3.6e6,
    }
    jobs = math.ceil(simulations / BATCH)
    wall = {
        # training is one job, on one core here; all else is divided by states
        f"hours on {cores} cores": _rounded(
            (hours["simulation"] + hours["graphs and features"]) / min(cores, jobs) + hours["training"]
        )
        for cores in CORES
    }
    return {
        **{f"{name}, core hours": _rounded(value) for name, value in hours.items()},
        "storage, GB": _rounded(simulations * costs["results, kB"] / 1e6),
        "jobs": 2 * jobs,
        **wall,
        "share of training in the time on 1024 cores": _rounded(hours["training"] / wall["hours on 1024 cores"]),
    }


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def measured_costs(entries: dict, simulation: float) -> dict[str, float]:
    """The costs of one simulation: here, and in results.json."""
    read = entries["reading"]["figures"]["run folder of 445 grains, 512²"]["CPU ms"]["median"] / 1e3
    made, stored = preprocessed()
    epoch = entries["training"]["figures"][TRAINED]["CPU ms"]["median"] / 1e3 / IN_EPOCH
    return {
        "simulation, CPU s": _rounded(simulation),
        "graphs and features, CPU ms": _rounded(1e3 * (read + made)),
        "epoch, CPU ms": _rounded(1e3 * epoch),
        "results, kB": _rounded(stored),
    }


def preprocessed(count: int = 20) -> tuple[float, float]:
    """CPU s and kB of the graph and the features of one map of 445 grains, 512²."""
    maps = list(microstructures([f"{i:06d}" for i in range(count)], sites=512))
    edges = ["boundary_length"]
    table.assemble(COLUMNS, [row(maps[0], COLUMNS, edges)], edges)  # compiles
    with tempfile.TemporaryDirectory() as name:
        shard, features = Path(name, "shard"), Path(name, "features")

        def make() -> None:
            shards.write(shard, maps)
            table.write_rows(features, COLUMNS, (row(one, COLUMNS, edges) for one in shards.read(shard)), edges)

        cost = seconds(make)
        return cost / count, (shard.stat().st_size + features.stat().st_size) / count / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=8, help="states to grow")
    args = parser.parse_args()
    grown(0)  # compiles
    states = [grown(1 + seed) for seed in range(args.states)]
    entries = json.loads(results.FILE.read_text(encoding="utf-8"))
    costs = measured_costs(entries, LARGER * sum(states) / len(states))
    found: dict = {
        "a state of a quarter of the size, CPU s": results.spread(states),
        "costs of one simulation": costs,
        "cores that one started job a second keeps busy": _rounded(BATCH * costs["simulation, CPU s"]),
        **{f"{simulations} simulations": taken(simulations, costs) for simulations in SIMULATIONS},
    }
    print(json.dumps(found, indent=2))
    results.write("on_paper", found, ["numba", "numpy"])


if __name__ == "__main__":
    main()
