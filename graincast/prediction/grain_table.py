"""Predictions as tables: one row per candidate, and one per grain of the map, with all that is known of it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.prediction.map_prediction import MapPrediction

FLAGS = ("border", "small", "outside")


def header(column: str) -> list[str]:
    """The columns of the table of candidates."""
    return ["microstructure", "map", "grain", column, "spread", *FLAGS]


def candidate_rows(prediction: MapPrediction) -> list[list[Any]]:
    """A row per candidate, in the order of `header`."""
    p = prediction
    columns = zip(p.names, p.map.grain_id[p.node], p.value, p.spread, *(p.flags[name] for name in FLAGS), strict=True)
    return [
        [name, p.map.group, grain, _number(value), _number(spread), *map(_truth, flags)]
        for name, grain, value, spread, *flags in columns
    ]


def grains(prediction: MapPrediction) -> dict[str, np.ndarray]:
    """The map's grain table by column, each [n]: what is known of each grain, then the prediction, NaN for others.

    Areas are in sites and, where the spacing is known, in µm²; so are equivalent diameters, in lattice spacings and µm.
    """
    m, n = prediction.map, prediction.map.grain_id.size
    diameter = np.sqrt(4 * m.area / math.pi)
    columns: dict[str, np.ndarray] = {"grain": m.grain_id, "area": m.area, "equivalent_diameter": diameter}
    if m.spacing is not None:
        columns |= {"area_um2": m.area * m.spacing**2, "equivalent_diameter_um": diameter * m.spacing}
    columns |= {"neighbours": m.degree, "border": m.border}
    if m.grains is not None:
        if m.grains.phase is not None:
            columns["phase"] = m.grains.phase
        if m.grains.laue is not None:
            columns["laue"] = np.array([LAUE_GROUPS[i] if i >= 0 else "" for i in m.grains.laue.tolist()])
        if m.grains.orientation is not None:
            columns |= dict(zip(("quat_x", "quat_y", "quat_z", "quat_w"), m.grains.orientation.T, strict=True))
        columns |= {name: values for name, values in m.grains.columns.items() if name not in columns}
    for name, values in ((prediction.column, prediction.value), ("spread", prediction.spread)):
        columns[name] = np.full(n, math.nan)
        columns[name][prediction.node] = values
    for name in ("small", "outside"):
        columns[name] = np.zeros(n, bool)
        columns[name][prediction.node] = prediction.flags[name]
    return columns


def grain_rows(columns: dict[str, np.ndarray]) -> list[Sequence[Any]]:
    """The rows of a table by column, as text."""
    return list(zip(*([_text(value) for value in values.tolist()] for values in columns.values()), strict=True))


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return _truth(value)
    return _number(value) if isinstance(value, float) else value


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.6g}"


def _truth(value: bool) -> str:
    return "true" if value else "false"
