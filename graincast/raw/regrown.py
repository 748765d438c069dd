"""States of another data set with growth runs of this project's simulator (potts/regrowth.py)."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from graincast.graphs import shards
from graincast.microstructure import BadInput, Microstructure
from graincast.raw.sources import REGROWN_STATE, growth_run_names, regrown_files
from graincast.raw.spparks import read_stats


def read(folder: Path, name: str) -> Microstructure:
    """The sample of a folder with its growth runs. Raises BadInput for any other content."""
    files = regrown_files(folder)
    if not files or files[0].name != REGROWN_STATE:
        raise BadInput(f"no {REGROWN_STATE}")
    samples = list(shards.read(files[0]))
    if len(samples) != 1:
        raise BadInput(f"{REGROWN_STATE} holds {len(samples)} microstructures, not one")
    (sample,) = samples
    areas = np.concatenate([np.zeros(1, np.int64), sample.area])
    growth = [read_stats(file, areas) for file in files[1:]]
    runs = growth_run_names(folder, files[1:])
    return replace(sample, name=name, runs=runs, times=[time for time, _ in growth], areas=[area for _, area in growth])
