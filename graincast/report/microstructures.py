"""Microstructures of a data set by name, from its shards."""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from graincast.graphs import shards
from graincast.microstructure import Microstructure


def spread(names: Sequence[str], count: int) -> list[str]:
    """Some of the names, evenly spread over them, their order kept."""
    if len(names) <= count:
        return list(names)
    return [names[int(i)] for i in (np.arange(count) + 0.5) * len(names) / count]


def read(paths: Sequence[Path], wanted: Collection[str]) -> dict[str, Microstructure]:
    """The microstructures of these names that are in the shards, by name and in the order given."""
    found: dict[str, Microstructure] = {}
    for path in paths:
        if set(wanted).intersection(shards.names([path])):
            found |= {one.name: one for one in shards.read(path) if one.name in wanted}
    return {name: found[name] for name in wanted if name in found}
