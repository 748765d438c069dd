"""Features by name: those of the tables, and those of extensions."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from graincast.features.edges import EDGE_FEATURES
from graincast.features.feature import Feature, Measured
from graincast.features.nodes import NODE_FEATURES
from graincast.microstructure import BadInput
from graincast.program import extensions

Features = Mapping[str, Feature]
SHOWN = 14  # names in a message


def tables(folders: Sequence[Path] = ()) -> tuple[Features, Features]:
    """All node features and all edge features, by name.

    folders  extensions, which must be installed
    Raises BadInput where an extension names a feature that is there already, or has an entry that is not a Feature.
    """
    found: tuple[dict[str, Feature], dict[str, Feature]] = (dict(NODE_FEATURES), dict(EDGE_FEATURES))
    for folder in folders:
        module = extensions.module(folder, extensions.FEATURES)
        for table, variable in zip(found, ("NODE_FEATURES", "EDGE_FEATURES"), strict=True):
            own, where = getattr(module, variable, {}), f"{folder / extensions.FEATURES}.py"
            entries = own.items() if isinstance(own, Mapping) else [(None, own)]
            if not all(isinstance(name, str) and isinstance(entry, Feature) for name, entry in entries):
                raise BadInput(f"{where}: {variable} must map names to entries of graincast.features.feature.Feature")
            taken = sorted(table.keys() & own.keys())
            if taken:
                raise BadInput(f"{where}: there is a feature {taken[0]} already; rename it")
            table.update(own)
    return found


def listed(names: Iterable[str]) -> str:
    """Names as text; of many, the first ones and where the others are."""
    first = list(names)
    more = f", … ({len(first)} in config/README.md)" if len(first) > SHOWN else ""
    return ", ".join(first[:SHOWN]) + more


def measured(features: Features, names: Sequence[str], of: Measured, count: int) -> np.ndarray:
    """The named features as columns, float64 [count, names].

    count  of grains or of edges
    Raises BadInput for an unknown name, or a function that returns another number of values.
    """
    columns = np.zeros((count, len(names)))
    for i, name in enumerate(names):
        if name not in features:
            raise BadInput(f"feature {name!r} is none of {listed(features)}")
        values = np.asarray(features[name].function(of))
        if values.shape != (count,):
            raise BadInput(f"feature {name}: its function returns an array {list(values.shape)}, not [{count}]")
        columns[:, i] = values
    return columns
