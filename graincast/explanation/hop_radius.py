"""The length scale: how good a model's predictions are if it knows no grain beyond h hops from the candidate.

The features of the grains beyond, and of boundaries that touch one, take their means over the training data; the grain
graph stays. So a model meets nothing that it was not trained on, and any model of graphs can be asked. A feature that
stands at the candidate but describes its surroundings, as those of features/shells.py, is not hidden in this way:
`described` tells of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from graincast.evaluation.intervals import FoldPredictions, Interval, of_metrics
from graincast.evaluation.metrics import METRICS
from graincast.explanation.importance import Predict
from graincast.features.shells import SHELL_FEATURES
from graincast.features.table import FeatureTable
from graincast.graphs.k_hop_subgraph import hop_distance

MOST = 6
"""The largest radius; one more hop is everything."""


@dataclass(frozen=True)
class Radius:
    """A metric where grains within `hops` are known; None: all."""

    hops: int | None
    value: float
    interval: Interval


def described(data: FeatureTable) -> list[str]:
    """The features that describe the surroundings of the candidate."""
    return [name for name in data.columns if name in SHELL_FEATURES]


def hops_of(data: FeatureTable) -> np.ndarray:
    """The hops from each grain to its candidate, int32 [N]; -1 where there is no path."""
    return hop_distance(data.flat_edges, len(data.x), data.candidate_index)


def hidden(data: FeatureTable, hops: np.ndarray, radius: int, train: np.ndarray, means: FeatureTable) -> FeatureTable:
    """A table whose grains beyond a radius are average ones.

    hops   int [N], see hops_of
    train  unused rows have no say: bool [g], the microstructures of `means` that the averages are over
    """
    far = (hops > radius) | (hops < 0)
    inside = np.repeat(train, np.diff(means.node_ptr)) & ~means.candidate
    edge_inside = np.repeat(train, np.diff(means.edge_ptr))
    x, edge_x = data.x.copy(), data.edge_x.copy()
    x[far] = means.x[inside].mean(axis=0)
    touching = far[data.flat_edges].any(axis=1)
    if touching.any():
        edge_x[touching] = means.edge_x[edge_inside].mean(axis=0)
    return replace(data, x=x, edge_x=edge_x)


def curve(
    predict: Predict, data: FeatureTable, subsets: Mapping[str, np.ndarray], true: np.ndarray, kind: str, metric: str
) -> list[Radius]:
    """A metric on the test subsets for each radius from 0 on, and for everything."""
    hops = hops_of(data)
    most = min(int(hops.max(initial=0)), MOST + 1)
    assert metric in METRICS
    found = []
    for radius in [*range(most), None]:
        folds = []
        for fold, subset in subsets.items():
            test = subset == "test"
            table = data.selected(test)
            if radius is not None:
                table = hidden(table, hops[np.repeat(test, np.diff(data.node_ptr))], radius, subset == "train", data)
            learned = len({data.group[i] for i in np.flatnonzero(np.isin(subset, ["train", "validation"]))})
            folds.append(FoldPredictions(true[test], predict(fold, table), np.array(table.group), learned))
        values = [METRICS[metric].weighted(one.true, one.predicted, np.ones((1, len(one.true))))[0] for one in folds]
        defined = [float(value) for value in values if np.isfinite(value)]
        mean = float(np.mean(defined)) if defined else float("nan")
        found.append(Radius(radius, mean, of_metrics(kind, folds)[metric]))
    return found
