"""Growth runs of this simulator from the states of another data set, whatever their source.

A sample, which is a state with one candidate, becomes a folder of its own: state.h5, a shard of that one sample (see
graphs/shards.py), and run_1/stats.h5, … as in a SPPARKS run folder. Each run has its own seed, derived from the data
set's seed, the sample's name and the run's number, so a sample does not depend on the others.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graincast.graphs import shards
from graincast.microstructure import BadInput, Microstructure
from graincast.potts import coarse
from graincast.potts.dataset import record_times
from graincast.raw.sources import REGROWN_STATE, STATS
from graincast.raw.spparks_writing import write_stats


def regrow(folder: Path, sample: Microstructure, settings: Mapping[str, Any]) -> Iterator[str]:
    """Write a sample's folder; yields a note after each run. Growth runs that are there already are kept.

    settings  the data set's `regrow` section (config/README.md)
    Sites of no grain are inert, and non-periodic borders reflect. Raises BadInput for a graph that was cut, as grains
    would grow into those that are missing.
    """
    if (sample.degree > np.bincount(sample.edges[:, 0], minlength=sample.grain_id.size)).any():
        raise BadInput(f"{sample.name}: its graph was cut by hops; regrow whole microstructures")
    growth = settings["growth"]
    bare = replace(sample, runs=[], times=[], areas=[], map_mean_area=sample.mean_area)
    shards.write(folder / REGROWN_STATE, [bare])
    for run in range(1, growth["runs"] + 1):
        stats = folder / f"run_{run}" / STATS
        if stats.is_file():
            yield f"{sample.name}: grown before"
            continue
        grown = coarse.grow(
            sample.labels,
            sample.type_by_label,
            growth.get("coarsen", 1),
            temperature=growth["temperature"],
            record_times=record_times(growth),
            min_mobility=settings["min_mobility"],
            uniform_mobility=settings["mobility"] == "uniform",
            seed=_seed(settings["seed"], sample.name, run),
            periodic=(sample.periodic[0], sample.periodic[1]),
        )
        write_stats(stats, grown.times, coarse.areas_of_map(grown, sample.labels))
        yield f"{sample.name}: {grown.events:,} flips"


def _seed(seed: int, name: str, run: int) -> int:
    key = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    return int(np.random.SeedSequence((seed, key, run)).generate_state(1, np.uint64)[0])
