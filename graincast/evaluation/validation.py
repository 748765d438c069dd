"""Validation: the metrics of trained trials, in each fold and their mean."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from graincast.evaluation import metrics


def measure(
    kind: str, trial: dict, true: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """A trial's entry in trials.json: its metrics in each fold, and their mean.

    trial      its entry in trained.json: name, point of the grid, and the iteration kept in each fold
    true       targets of each fold's validation data
    predicted  predictions for them
    """
    by_fold = {
        fold: {"iteration": iteration, **metrics.measure(kind, true[fold], predicted[fold])}
        for fold, iteration in trial["iterations"].items()
    }
    mean = metrics.mean(by_fold.values())
    return {"trial": trial["trial"], "params": trial["params"], "validation": mean, "by_fold": by_fold}
