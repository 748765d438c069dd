"""Permutation importance (Breiman, Machine Learning 45, 5, 2001): how much worse a model is without a feature.

A feature's values are permuted among the test microstructures: those of the candidates among candidates, those of the
other grains among other grains, those of boundaries among boundaries, each apart from the others. So its distribution
stays, and what it says of a microstructure is lost. The loss is that of a metric, over REPEATS permutations. Intervals
are those of paired differences (evaluation/intervals.py), with groups as units. Features that say the same share their
importance: each alone can be spared.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from graincast.evaluation.intervals import FoldPredictions, Interval, of_difference
from graincast.evaluation.metrics import METRICS
from graincast.experiment.targets import ABNORMAL
from graincast.features.table import FeatureTable
from graincast.program.progress import track

REPEATS = 5
METRIC = {ABNORMAL: "auc"}
OTHERWISE = "r2"
CANDIDATE, GRAINS, BOUNDARIES = "candidate", "other grains", "boundaries"
Predict = Callable[[str, FeatureTable], np.ndarray]
"""The predictions [g] of the model of a fold for a table."""


@dataclass(frozen=True)
class Importance:
    """The importance of a feature.

    feature, of    its name, and whose: the candidate's, other grains', or boundaries'
    loss           what the metric loses, the mean over folds and permutations; NaN where it is undefined
    interval       its 95 % interval
    """

    feature: str
    of: str
    loss: float
    interval: Interval


def metric(kind: str) -> str:
    """The metric whose loss is measured, for a kind of target."""
    return METRIC.get(kind, OTHERWISE)


def importance(
    predict: Predict, data: FeatureTable, subsets: Mapping[str, np.ndarray], true: np.ndarray, kind: str
) -> list[Importance]:
    """The importance of every feature on the test subsets, the most important first.

    subsets  {fold: subset of each microstructure, str [g]}
    true     the target values of the candidates, [g]
    """
    tables = {fold: data.selected(subset == "test") for fold, subset in subsets.items()}
    whole = {fold: predict(fold, table) for fold, table in tables.items()}
    name = metric(kind)

    def folds(predicted: Mapping[str, np.ndarray]) -> list[FoldPredictions]:
        found = []
        for fold, subset in subsets.items():
            times = len(predicted[fold]) // max(1, len(tables[fold].name))
            learned = len({data.group[i] for i in np.flatnonzero(np.isin(subset, ["train", "validation"]))})
            group = np.tile(np.array(tables[fold].group), times)
            found.append(FoldPredictions(np.tile(true[subset == "test"], times), predicted[fold], group, learned))
        return found

    before, found = folds({fold: np.tile(values, REPEATS) for fold, values in whole.items()}), []
    asked = list(parts(data))
    for feature, of in track(asked, "importance", len(asked), "features"):
        permuted = {
            fold: np.concatenate([predict(fold, one) for one in _permuted(table, feature, of, fold)])
            for fold, table in tables.items()
        }
        sign = 1 if METRICS[name].larger_is_better else -1
        loss, interval = of_difference(kind, name, *(before, folds(permuted))[::sign])
        found.append(Importance(feature, of, loss, interval))
    return sorted(found, key=lambda one: (-np.nan_to_num(one.loss, nan=-np.inf), one.feature, one.of))


def parts(data: FeatureTable) -> Iterator[tuple[str, str]]:
    """Each feature and whose, where its values differ."""
    for values, columns, of in (
        (data.x[data.candidate], data.columns, CANDIDATE),
        (data.x[~data.candidate], data.columns, GRAINS),
        (data.edge_x, data.edge_columns, BOUNDARIES),
    ):
        yield from ((name, of) for i, name in enumerate(columns) if len(values) and np.ptp(values[:, i]) > 0)


def _permuted(data: FeatureTable, feature: str, of: str, fold: str) -> Iterator[FeatureTable]:
    """The table with a feature permuted, REPEATS times; the permutations depend on the names alone."""
    for repeat in range(REPEATS):
        rng = np.random.default_rng(zlib.crc32(f"{fold}/{of}/{feature}/{repeat}".encode()))
        if of == BOUNDARIES:
            values, column, rows = data.edge_x, data.edge_columns.index(feature), np.arange(len(data.edge_x))
        else:
            values, column = data.x, data.columns.index(feature)
            rows = np.flatnonzero(data.candidate == (of == CANDIDATE))
        values = values.copy()
        values[rows, column] = values[rng.permutation(rows), column]
        yield replace(data, edge_x=values) if of == BOUNDARIES else replace(data, x=values)
