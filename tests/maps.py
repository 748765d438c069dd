"""Reads folders of raw maps as the workflow does: manifests, then the program that makes graphs."""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from graincast.files import csv_table
from graincast.graphs import shards
from graincast.microstructure import Microstructure
from graincast.raw import manifest
from graincast.raw.sources import SOURCES
from scripts import graphs
from tests.recipes import recipe

FRACTION = {"by": "fraction", "red": 0.5, "seed": 1}


def read_folder(
    raw: Path, work: Path, source: str, types: dict = FRACTION, **keys: Any
) -> tuple[list[Microstructure], dict[str, str]]:
    """The graphs of a folder's runs, and the reason for each rejected run by its name."""
    one = SOURCES[source]
    manifest.scan(raw, one.runs, one.files, 1, work / "manifests")
    own = {key: setting["default"] for key, setting in one.settings.items()}
    parameters = recipe(work / "recipe.json", **{"source": source, "types": types, **own, **keys})
    files = {"out": work / "graphs.h5", "rejected": work / "rejected.csv"}
    graphs.main(
        argparse.Namespace(recipe=parameters, name="x/0", manifest=work / "manifests/0000.json", root=raw, **files)
    )
    return list(shards.read(files["out"])), dict(map(tuple, csv_table.rows(files["rejected"])))


def made_labels(height: int = 20, width: int = 24, grains: int = 9, seed: int = 0) -> np.ndarray:
    """A Voronoi map of grains 1, 2, …, int32 [height, width]."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.uniform(0, height, grains), rng.uniform(0, width, grains)
    y, x = np.mgrid[:height, :width] + 0.5
    nearest = ((y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2).argmin(axis=-1)
    return (np.unique(nearest, return_inverse=True)[1].reshape(height, width) + 1).astype(np.int32)
