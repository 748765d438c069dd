"""What a model declares (`graincast/models/<name>.yaml`): its data, its targets, its grid and its training settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graincast.experiment.targets import CANDIDATE
from graincast.files import declaration
from graincast.microstructure import BadInput

MODELS = Path(__file__).parents[1] / "models"
FEATURE_SUBSETS = "feature_subsets"
"""The setting of a grid that makes the axis feature_subset out of the columns of a feature set."""


@dataclass(frozen=True)
class Declaration:
    """A model's declaration.

    features  sections of the configuration that define the features it takes
    kinds     kinds of target
    grains    whose growth it predicts: candidate, or all too
    soft      whether it can learn fractions of growth runs
    served    "" if it can be registered and served, or the reason why not
    unit      of the steps in its training curves; "" if it has none
    select    the metric that chooses its trials by default; "" for the loss of the kind of target
    grid      {setting: JSON Schema of one value, with `short`, its prefix in a trial's name, and a default list}
    training  {setting: JSON Schema with a default}
    """

    name: str
    description: str
    features: tuple[str, ...]
    kinds: tuple[str, ...]
    grains: tuple[str, ...]
    soft: bool
    served: str
    unit: str
    select: str
    grid: dict[str, dict[str, Any]]
    training: dict[str, dict[str, Any]]

    @property
    def prefixes(self) -> dict[str, str]:
        """The prefix of each axis's values in a trial's name, in grid order, that of the threshold first."""
        return {"threshold": "t"} | {setting.get("axis", key): setting["short"] for key, setting in self.grid.items()}


def folders(extensions: Sequence[Path] = ()) -> list[Path]:
    """The folders with models: the library's, then those of extensions."""
    return [MODELS, *extensions]


def names(extensions: Sequence[Path] = ()) -> list[str]:
    """The names of all models."""
    return declaration.names(folders(extensions))


def read(name: str, extensions: Sequence[Path] = ()) -> Declaration:
    """The declaration of a model. Raises BadInput where it is missing or malformed."""
    content = declaration.read(name, folders(extensions))
    path = declaration.path_of(name, folders(extensions))
    for key in ("features", "kinds"):
        if not content.get(key):
            raise BadInput(f"{path}: the key {key!r} is missing")
    for key, setting in content["grid"].items():
        if "short" not in setting:
            raise BadInput(f"{path}: grid.{key}: lacks short, the prefix of its values in a trial's name")
    served = content.get("served", True)
    if served is not True and not isinstance(served, str):
        raise BadInput(f"{path}: served: {served!r} is neither true nor the reason why it cannot be")
    return Declaration(
        name=name,
        description=content.get("description", ""),
        features=tuple(content["features"]),
        kinds=tuple(content["kinds"]),
        grains=tuple(content.get("grains", (CANDIDATE,))),
        soft=bool(content.get("soft")),
        served="" if served is True else served,
        unit=content.get("unit", ""),
        select=content.get("select", ""),
        grid=content["grid"],
        training=content["training"],
    )
