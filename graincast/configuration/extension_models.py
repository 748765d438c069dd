"""Checks of the models that extensions declare; tests hold the library's own declarations to the same."""

from collections.abc import Sequence
from pathlib import Path

import jsonschema

from graincast.configuration.errors import ConfigError, nearest
from graincast.configuration.schema import checked, of_experiment, shared
from graincast.evaluation import metrics
from graincast.experiment import declaration as models
from graincast.experiment.declaration import Declaration
from graincast.experiment.targets import ABNORMAL, ALL, CANDIDATE, GROWTH_RATIO, LABEL
from graincast.files import declaration

TEXT, SETTINGS = {"type": "string"}, {"type": "object"}
DECLARED = {
    "type": "object",
    "additionalProperties": False,
    "required": ["description", "features", "kinds"],
    "properties": {
        "description": TEXT,
        "extends": TEXT,
        "abstract": {"type": "boolean"},
        "features": {
            "type": "array",
            "minItems": 1,
            "items": {"enum": ["feature_sets", "encoded_sets", "vision_sets", "stacked_sets"]},
        },
        "kinds": {"type": "array", "minItems": 1, "items": {"enum": [ABNORMAL, GROWTH_RATIO, LABEL]}},
        "grains": {"type": "array", "contains": {"const": CANDIDATE}, "items": {"enum": [CANDIDATE, ALL]}},
        "soft": {"type": "boolean"},
        "served": {"type": ["boolean", "string"]},
        "unit": TEXT,
        "select": TEXT,
        **dict.fromkeys(declaration.SECTIONS, SETTINGS),
    },
}
"""The schema of a model's declaration, with what it extends."""


def check(folders: Sequence[Path]) -> None:
    """Raise ConfigError for the first model of an extension whose declaration is wrong or whose module is missing."""
    for name in models.names(folders):
        path = declaration.path_of(name, models.folders(folders))
        if path.parent != models.MODELS:
            check_model(name, path, folders)


def check_model(name: str, path: Path, folders: Sequence[Path] = ()) -> None:
    """Raise ConfigError if a model's declaration, the file `path`, is wrong or its module missing."""
    checked(declaration.read(name, models.folders(folders)), DECLARED, path)
    declared = models.read(name, folders)
    if not path.with_suffix(".py").is_file():
        raise ConfigError(f"{path}: no module {path.with_suffix('.py').name} beside it")
    for kind in declared.kinds if declared.select else ():
        known = metrics.selecting(kind)
        if declared.select not in known:
            wrong = f"{declared.select!r} cannot choose a trial of kind {kind}"
            raise ConfigError(f"{path}: select: {wrong}{nearest(declared.select, known)}")
    _check_settings(path, declared, of_experiment(name, folders)["properties"])
    _check_prefixes(path, declared)


def _check_settings(path: Path, declared: Declaration, schema: dict) -> None:
    """Raise ConfigError for a setting that is no JSON Schema, or whose default or limit does not exist."""
    limits = [f"dataset.{key}" for key in shared()["$defs"]["dataset"]["properties"]]
    limits += [f"training.{key}" for key in declared.training]
    for section, settings in (("grid", declared.grid), ("training", declared.training)):
        for key, setting in settings.items():
            part = schema[section]["properties"][key]
            try:
                jsonschema.Draft202012Validator.check_schema(part)
            except jsonschema.SchemaError as error:
                wrong = ".".join([section, key, *map(str, error.path)])
                raise ConfigError(f"{path}: {wrong}: not JSON Schema: {error.message}") from None
            nested = {"properties": {section: {"properties": {key: {"properties": {"default": part}}}}}}
            checked({section: {key: {"default": part["default"]}}}, nested, path)
            limit = setting.get("at_most", limits[0])
            if limit not in limits:
                raise ConfigError(f"{path}: {section}.{key}.at_most: {limit!r} is no key{nearest(limit, limits)}")


def _check_prefixes(path: Path, declared: Declaration) -> None:
    """Raise ConfigError where trials of a model could not be told apart by their names, or keys by theirs."""
    both = sorted({"threshold", *declared.training} & declared.grid.keys())
    if both:
        raise ConfigError(f"{path}: grid.{both[0]}: there is another key of this name; rename it")
    first: dict[str, str] = {}
    for axis, prefix in declared.prefixes.items():
        other = first.setdefault(prefix, axis)
        if other != axis or not prefix.isalpha():
            wrong = f"that of {other} already" if other != axis else "not only letters"
            raise ConfigError(f"{path}: grid.{axis}.short: {prefix!r} is {wrong}; choose another")
