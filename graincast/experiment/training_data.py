"""What an experiment learns from: its own data set, and others that are added to the training data of every fold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from graincast.experiment import splits
from graincast.experiment.growth import with_growth
from graincast.features import table


@dataclass(frozen=True)
class TrainingData:
    """The tables of an experiment.

    own      its data set, which alone is validated and tested
    whole    the same, followed by the microstructures that are added; `own` itself where there are none
    subsets  {fold: subset of each microstructure of `whole`, str}
    added    {data set: number of microstructures that it adds}
    """

    own: Any
    whole: Any
    subsets: dict[str, np.ndarray]
    added: dict[str, int]

    @property
    def described(self) -> dict[str, dict[str, int]]:
        """What a record says of added data; nothing where there are none."""
        return {"also_train_on": self.added} if self.added else {}


def read(model: ModuleType, features: Path, split: Path, also: Sequence[Path], name: str) -> TrainingData:
    """The tables of an experiment, without microstructures that have no growth run.

    model            module of graincast.models
    features, split  files of its own data set
    also             features of the data sets to add
    name             of the experiment, for messages
    Raises BadInput where the tables do not fit each other.
    """
    own = with_growth(model.read(features), name)
    subsets = splits.subsets_of(split, own.name)
    if not also:
        return TrainingData(own, own, subsets, {})
    others = [with_growth(model.read(path), f"{name}, {path}") for path in also]
    groups = [group for other in others for group in other.group]
    subsets = {fold: np.concatenate([subset, added(own.group, subset, groups)]) for fold, subset in subsets.items()}
    counts = {path.parents[1].name: len(other.name) for path, other in zip(also, others, strict=True)}
    return TrainingData(own, table.joined([own, *others]), subsets, counts)


def added(group: Sequence[str], subset: np.ndarray, others: Sequence[str]) -> np.ndarray:
    """The subset of microstructures of these other groups, str [others]: "train".

    One whose group is in the experiment's own data, which has `subset` by `group`, trains only where that group does,
    and is in no subset ("") elsewhere: it may be the same state, of which nothing must be known when it is tested.
    """
    of_own = dict(zip(group, subset.tolist(), strict=True))
    return np.array(["train" if of_own.get(one, "train") == "train" else "" for one in others], dtype=str)
