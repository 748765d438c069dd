"""Whether a trained model fits a map: what is refused, and what is said of a prediction beyond its training data."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from graincast.features.feature import Feature
from graincast.features.named import Features
from graincast.features.table import FeatureTable
from graincast.microstructure import BadInput, Microstructure

SAME_SPACING = 0.01
"""The largest relative difference of spacings that count as the same."""


def check_spacing(
    microstructure: Microstructure, trained: np.ndarray, columns: Sequence[str], tables: tuple[Features, Features]
) -> None:
    """Raise BadInput for a map of another resolution, where a feature counts sites.

    trained  smallest and largest spacing of the training data, float64 [2], µm; NaN if unknown
    columns  node and edge features of the model
    A spacing that is unknown, of the map or of the training data, is no reason to refuse.
    """
    known: dict[str, Feature] = {**tables[0], **tables[1]}
    in_sites = [name for name in columns if name in known and known[name].unit]
    spacing = microstructure.spacing
    if spacing is None or not in_sites or not np.isfinite(trained).all():
        return
    low, high = trained
    if not low * (1 - SAME_SPACING) <= spacing <= high * (1 + SAME_SPACING):
        span = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        raise BadInput(
            f"its sites lie {spacing:g} µm apart, but the model was trained at {span} µm and its feature {in_sites[0]} "
            f"is in {known[in_sites[0]].unit}; resample the map, or train on relative_… features"
        )


def warnings(table: FeatureTable, ranges: Mapping[str, np.ndarray], tables: tuple[Features, Features]) -> Iterator[str]:
    """One line for each node feature of a map's graphs that lies outside its range in training, with both ranges."""
    means = np.add.reduceat(table.x, table.node_ptr[:-1]) / np.diff(table.node_ptr)[:, None]
    for i, name in enumerate(table.columns):
        unit = f" {tables[0][name].unit}" if name in tables[0] and tables[0][name].unit else ""
        low, high = ranges["nodes"][i]
        least, most = table.x[:, i].min(), table.x[:, i].max()
        mean, (lowest, highest) = means[:, i].mean(), ranges.get("node_means", ranges["nodes"])[i]
        if not lowest <= mean <= highest:
            yield f"mean {name} is {_text(mean)}, in training {_text(lowest)} to {_text(highest)}{unit}"
        elif least < low or most > high:
            yield f"{name} is {_text(least)} to {_text(most)}, in training {_text(low)} to {_text(high)}{unit}"


def outside(table: FeatureTable, ranges: Mapping[str, np.ndarray]) -> np.ndarray:
    """Whether a feature of each graph's candidate lies outside its range in training, bool [g]."""
    x = table.x[table.candidate_index]
    return ((x < ranges["nodes"][:, 0]) | (x > ranges["nodes"][:, 1])).any(axis=1)


def _text(value: float) -> str:
    return f"{value:.4g}"
