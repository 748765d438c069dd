"""One run of a source as microstructures, one for each candidate: what the graphs stage and predictions share."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graincast.graphs import growth_runs, samples, time_steps
from graincast.microstructure import Microstructure
from graincast.raw.limits import content_errors
from graincast.raw.sources import GROWTH_KEYS, MAP_KEYS, READER_KEYS, SOURCES

SHAPING = (*GROWTH_KEYS, *MAP_KEYS, *READER_KEYS)
"""The keys of a data set that may shape its graphs, besides its source and the source's own."""


def shaping(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Of a data set's keys, those that `read` takes; of its rule of types, the keys that have an effect."""
    own = SOURCES[dataset["source"]].settings
    found = {key: dataset[key] for key in ("source", *own, *SHAPING) if key in dataset}
    if "types" in found:
        types = found["types"]
        found["types"] = {key: types[key] for key in ("by", *samples.TYPE_KEYS[types["by"]])}
    return found


def read(path: Path, name: str, settings: Mapping[str, Any]) -> list[Microstructure]:
    """The candidates of a run, before any k-hop cut; they share the arrays of their map.

    path      the run's file or folder
    settings  source, the source's own keys, and any of SHAPING; a key that is null counts as absent
    Raises BadInput, without the file's name, for what cannot be used.
    """
    source = SOURCES[settings["source"]]
    reader = importlib.import_module(f"graincast.raw.{source.reader}")
    given = {key: value for key, value in settings.items() if value is not None}
    own = {key: settings[key] for key in source.settings}
    own |= {key: given[key] for key in READER_KEYS if key in given}
    with content_errors("unforeseen content"):
        state = growth_runs.chosen(reader.read(path, name, **own), given.get("growth_runs"))
        state = time_steps.reduced(state, given.get("time_steps", time_steps.ALL))
        return samples.samples(state, given.get("candidates"), given.get("types", {"by": samples.MESO}))
