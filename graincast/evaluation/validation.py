"""Validation metrics of a trained trial, for each fold and their mean."""

from types import ModuleType
from typing import Any

import numpy as np

from graincast.evaluation import metrics
from graincast.experiment import targets
from graincast.experiment.targets import Target
from graincast.experiment.trained import Trained


def validate(
    name: str,
    point: dict,
    trained: Trained,
    subsets: dict[str, np.ndarray],
    target: Target,
    data: Any,
    model: ModuleType,
) -> dict:
    """A trial's entry in trials.json.

    point    the trial's point of the grid
    subsets  for each fold the subset of each microstructure, str [g]
    data     the table that the target was made from
    model    module of graincast.models
    """
    by_fold = {}
    true = target.values[point.get("threshold")]
    for fold, subset in subsets.items():
        key = (tuple(point.values()), fold)
        validation = targets.rows(target, data, subset == "validation")
        predicted = model.predict(trained.models[key], data)[validation]
        measured = metrics.measure(target.kind, true[validation], predicted)
        by_fold[fold] = {"iteration": trained.iterations[key], **measured}
    return {"trial": name, "params": point, "validation": metrics.mean(by_fold.values()), "by_fold": by_fold}
