"""An ensemble: models of one trial that differ by their seeds, as members of one model; their predictions are averaged.

Averaged are what a model predicts: probabilities (Lakshminarayanan et al. 2017, arXiv 1612.01474) or growth ratios.
"""

from collections.abc import Iterable
from types import ModuleType
from typing import Any

import numpy as np

MEMBERS = "members"


def joined(models: Iterable[dict]) -> dict:
    """The ensemble of some trained models."""
    return {MEMBERS: {f"{number:03d}": model for number, model in enumerate(models)}}


def members(trained: dict) -> list[dict]:
    """The members of an ensemble; any other trained model is its only member."""
    return list(trained[MEMBERS].values()) if MEMBERS in trained else [trained]


def predict(model: ModuleType, trained: dict, data: Any) -> np.ndarray:
    """The mean of the members' predictions, in the shape of one's. model: module of graincast.models."""
    of_members = [model.predict(member, data) for member in members(trained)]
    return of_members[0] if len(of_members) == 1 else np.mean(of_members, axis=0)
