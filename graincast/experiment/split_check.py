"""Checks that every fold of a split can be trained: no empty subset, and training targets that differ."""

import numpy as np

from graincast.experiment import targets
from graincast.experiment.splits import SUBSETS
from graincast.experiment.targets import ABNORMAL, Target
from graincast.microstructure import BadInput


def check_split(
    experiment: str, subsets: dict[str, np.ndarray], target: Target, data: object, classes: list[str] | None = None
) -> None:
    """Raise BadInput if a subset of a fold is empty, or all its training targets are equal.

    experiment  its name, for messages
    subsets     {fold: subset of each microstructure, str [g]}
    data        the table that the target was computed from
    classes     class names of labelled images
    """
    for fold, subset in subsets.items():
        for name in SUBSETS:
            if not (subset == name).any():
                raise BadInput(
                    f"{experiment}: fold {fold} of the split has no {name} data among {subset.size} microstructures; "
                    "use more data, fewer folds or larger fractions (config: splits)"
                )
        training = targets.rows(target, data, subset == "train")
        for threshold, values in target.values.items():
            training_values = values[training]
            if (training_values == training_values[0]).all():
                problem = _problem(training_values, threshold, classes)
                raise BadInput(f"{experiment}: {problem} in fold {fold}; {_remedy(target.kind)}")


def _problem(values: np.ndarray, threshold: float | None, classes: list[str] | None) -> str:
    if threshold is None:
        value = f"of class {classes[values[0]]}" if classes else f"{values[0]:g}"
        return f"all {values.size} training targets are {value}"
    kind = "abnormal" if values[0] else "normal"
    return f"at threshold {threshold:g} all {values.size} training targets are {kind}"


def _remedy(kind: str) -> str:
    if kind == ABNORMAL:
        return "choose another target.threshold"
    return "use more data, fewer folds or another seed for the split"
