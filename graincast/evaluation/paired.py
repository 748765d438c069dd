"""Differences between experiments that were tested on the same groups, from their predictions.csv."""

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from graincast.evaluation.intervals import FoldPredictions, Interval, of_difference
from graincast.experiment.targets import ABNORMAL, LABEL
from graincast.files import csv_table

Tested = dict[str, tuple[list[tuple[str, str]], FoldPredictions]]
"""By fold: microstructure and grain of each test row, sorted, and the predictions."""


def reference_of(names: Collection[str], wanted: str) -> str | None:
    """The experiment that others are compared with: the one called `wanted` or `…-wanted`, the shortest of several."""
    fitting = [name for name in names if name == wanted or name.endswith(f"-{wanted}")]
    return min(fitting, key=lambda name: (len(name), name), default=None)


def read(path: Path, kind: str, threshold: str, groups: Mapping[str, Mapping[str, int]]) -> Tested:
    """The test predictions of an experiment at a threshold; empty where the file is not there or names no groups.

    groups  the number of groups in each subset of each fold, from test_metrics.json
    """
    if not path.is_file():
        return {}
    header, lines = csv_table.read(path)
    if "group" not in header:
        return {}  # of an earlier release
    at = {name: header.index(name) for name in ("microstructure", "group", "grain", "threshold", "fold", "subset")}
    by_fold: dict[str, list[tuple]] = {}
    for line in lines:
        if line[at["subset"]] == "test" and line[at["threshold"]] == threshold:
            key = (line[at["microstructure"]], line[at["grain"]])
            by_fold.setdefault(line[at["fold"]], []).append((key, line[at["group"]], line[-2], line[-1]))
    found: Tested = {}
    for fold, entries in by_fold.items():
        keys, group, true, predicted = zip(*sorted(entries), strict=True)
        learned = groups[fold]["train"] + groups[fold]["validation"]
        values = _values(kind, np.array(true, float), np.array(predicted, float))
        found[fold] = list(keys), FoldPredictions(*values, np.array(group), learned)
    return found


def difference(kind: str, metric: str, a: Tested, b: Tested) -> tuple[float, Interval] | None:
    """A metric of `a` less that of `b` and its interval; None where they were not tested on the same values."""
    if not a or a.keys() != b.keys():
        return None
    pairs = [(a[fold], b[fold]) for fold in a]
    if any(keys != other or not np.array_equal(one.true, another.true) for (keys, one), (other, another) in pairs):
        return None
    found = of_difference(kind, metric, [one for (_, one), _ in pairs], [other for _, (_, other) in pairs])
    return None if np.isnan(found[0]) else found


def _values(kind: str, true: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted values as metrics take them; of a predicted class, a score of 1."""
    if kind == LABEL:
        classes = int(max(true.max(), predicted.max())) + 1
        return true.astype(int), np.eye(classes)[predicted.astype(int)]
    return (true > 0.5, predicted) if kind == ABNORMAL else (true, predicted)
