"""Whether a split leaves enough in every fold: data in each subset, and training targets that differ."""

import numpy as np

from graincast.experiment import targets
from graincast.experiment.splits import SUBSETS
from graincast.experiment.targets import ABNORMAL, Target
from graincast.microstructure import BadInput


def check_split(
    experiment: str, subsets: dict[str, np.ndarray], target: Target, data: object, classes: list[str] | None = None
) -> None:
    """Raise BadInput where a fold lacks a subset, or all its training targets are the same.

    experiment  name for messages
    subsets     for each fold the subset of each microstructure, str [g]
    data        the table that the target was made from
    classes     names of the classes of labelled images
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
            seen = values[training]
            if (seen == seen[0]).all():
                raise BadInput(f"{experiment}: {_same(seen, threshold, classes)} of fold {fold}{_remedy(target.kind)}")


def _same(seen: np.ndarray, threshold: float | None, classes: list[str] | None) -> str:
    if threshold is None:
        value = f"of class {classes[seen[0]]}" if classes else f"{seen[0]:g}"
        return f"all {seen.size} training targets are {value}, in the training set"
    kind = "abnormal" if seen[0] else "normal"
    return f"at threshold {threshold:g} all {seen.size} training targets are {kind}, in the training set"


def _remedy(kind: str) -> str:
    if kind == ABNORMAL:
        return "; choose another target.threshold"
    return "; use more data, fewer folds or another seed of the split"
