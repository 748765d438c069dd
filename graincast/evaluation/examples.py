"""The best and the worst predictions of an experiment's candidates, to look at."""

from dataclasses import dataclass

import numpy as np

from graincast.evaluation.test_data import Predictions


@dataclass(frozen=True)
class Example:
    """A tested microstructure: its name, and the means over the folds of what happened and of what was predicted."""

    name: str
    true: float
    predicted: float


def best_and_worst(tested: Predictions, count: int) -> tuple[list[Example], list[Example]]:
    """The microstructures whose predictions are nearest to what happened, and those furthest from it, none twice.

    tested  one prediction per microstructure and fold
    """
    names, index = np.unique(tested.microstructure.astype(str), return_inverse=True)
    times = np.bincount(index)
    true, predicted = (np.bincount(index, values) / times for values in (tested.true, tested.predicted))
    order = np.argsort(np.abs(predicted - true), kind="stable")
    best, worst = order[:count], order[::-1][: max(0, min(count, len(order) - count))]

    def listed(chosen: np.ndarray) -> list[Example]:
        return [Example(str(names[i]), float(true[i]), float(predicted[i])) for i in chosen]

    return listed(best), listed(worst)
