"""The schema of a configuration, composed from `config/schema.yaml` and the declarations; checking values against it.

There is one flat, closed schema per model, encoder and source, picked by name, so a message speaks of just that one.
"""

import copy
import functools
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema

from graincast.configuration.errors import ConfigError
from graincast.configuration.messages import message
from graincast.configuration.yaml_file import of_the_project
from graincast.experiment import declaration as model_declarations
from graincast.files import declaration
from graincast.raw.sources import GROWTH_KEYS, SOURCES

PACKAGED, IN_CHECKOUT = Path(__file__).with_name("schema.yaml"), Path(__file__).parents[2] / "config" / "schema.yaml"
FILE = PACKAGED if PACKAGED.is_file() else IN_CHECKOUT
ENCODERS = Path(__file__).parents[1] / "encoders"
OF_EVERY_SOURCE = ("source", "results", "max_rejected")
TRAINING_ONLY = (*GROWTH_KEYS, "shards", "results", "max_rejected", "simulate", "from", "regrow")
"""Keys of a data set without effect on a prediction."""
DECLARED_ONLY = ("axis", "short", "at_most")
"""Entries of a declared setting that are not of JSON Schema."""


@functools.cache
def shared() -> dict:
    """`config/schema.yaml` with the names of sources and methods, and with definitions in place of references."""
    schema = of_the_project(FILE)
    schema["$defs"]["dataset"]["properties"]["source"]["enum"] = list(SOURCES)
    schema["$defs"]["encoder"]["properties"]["method"]["enum"] = declaration.names([ENCODERS])
    resolved = _resolve(schema, schema)
    return resolved | {"$defs": {name: _resolve(part, schema) for name, part in schema["$defs"].items()}}


def of_configuration(written: Mapping[str, Any]) -> dict:
    """The schema of a configuration: each data set by its source, each encoder by its method."""
    schema = copy.deepcopy({key: value for key, value in shared().items() if key != "$defs"})
    by_name = (
        ("datasets", "source", of_dataset),
        ("predictions", "source", of_prediction),
        ("encoders", "method", of_encoder),
    )
    for section, key, one in by_name:
        place, entries = schema["properties"][section], written.get(section)
        place["additionalProperties"] = one()
        if isinstance(entries, dict):
            known = {str(name): entry for name, entry in entries.items() if isinstance(entry, dict) and key in entry}
            place["properties"] = {name: one(entry[key]) for name, entry in known.items()}
    if isinstance(written.get("experiments"), dict):
        names = schema["properties"]["experiments"]["items"]
        held = {
            "type": "object",
            "minProperties": 1,
            "propertyNames": names,
            "additionalProperties": {"type": "object"},
        }
        schema["properties"]["experiments"] = held
    return schema


def of_dataset(source: object = None) -> dict:
    """The schema of a data set from a source; for none or an unknown one, with the keys of all sources."""
    every = shared()["$defs"]["dataset"]
    properties = every["properties"]
    one = SOURCES.get(source) if isinstance(source, str) else None
    if one is None:
        return {**every, "properties": properties | _joined(other.settings for other in SOURCES.values())}
    taken = {key: properties[key] for key in (*OF_EVERY_SOURCE, *one.keys)} | dict(one.settings)
    others = {name: (*other.keys, *other.settings) for name, other in SOURCES.items()}
    return {
        **every,
        "properties": taken,
        "required": ["source", *one.required],
        "of": f"source {source}",
        "elsewhere": no_effect(f"source {source} ({one.description})", taken, others),
    }


def of_prediction(source: object = None) -> dict:
    """The schema of a prediction of raw data from a source: that of a data set without what only training needs."""
    data = of_dataset(source)
    own = shared()["$defs"]["prediction"]["properties"]
    taken = {key: one for key, one in data["properties"].items() if key not in TRAINING_ONLY}
    return {**data, "properties": {**own, **taken}, "required": ["model", *data["required"]]}


def of_encoder(method: object = None) -> dict:
    """The schema of an encoder by a method; for none or an unknown one, with the keys of all methods."""
    every = shared()["$defs"]["encoder"]
    known = {name: declaration.read(name, [ENCODERS])["settings"] for name in declaration.names([ENCODERS])}
    properties = every["properties"]
    one = known.get(method) if isinstance(method, str) else None
    if one is None:
        return {**every, "properties": properties | _joined(known.values())}
    taken = properties | one
    return {**every, "properties": taken, "elsewhere": no_effect(f"method {method}", taken, known)}


def of_experiment(model: object = None, extensions: Sequence[Path] = (), written: object = None) -> dict:
    """The schema of an experiment with a model; for none or an unknown one, with the keys of all models.

    written  the experiment's grid: axes with a mapping are ranges
    """
    schema = copy.deepcopy(shared()["$defs"]["experiment"])
    known = {name: model_declarations.read(name, extensions) for name in model_declarations.names(extensions)}
    schema["properties"]["model"]["enum"] = list(known)
    one = known.get(model) if isinstance(model, str) else None
    grid = one.grid if one else _joined(other.grid for other in known.values())
    training = one.training if one else _joined(other.training for other in known.values())
    ranges = {key for key, value in written.items() if isinstance(value, dict)} if isinstance(written, dict) else set()
    axes = {key: (_range if key in ranges else _axis)(setting) for key, setting in grid.items()}
    for section, settings in (("grid", axes), ("training", {key: _setting(one) for key, one in training.items()})):
        schema["properties"][section] |= {"properties": settings, "additionalProperties": False}
    if one:
        others = {name: (*other.grid, *other.training) for name, other in known.items()}
        taken = (*grid, *training)
        schema["elsewhere"] = no_effect(f"model {model}", (*schema["properties"], *taken), others)
        for section, settings in (("grid", grid), ("training", training)):
            takes = f"model {model} (it takes {', '.join(settings) or 'nothing'})"
            schema["properties"][section]["elsewhere"] = no_effect(takes, taken, others)
    return schema


def no_effect(what: str, taken: Iterable[str], by_name: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """{key that others take and this one does not: why it has no effect here}.

    what     this one, for messages
    by_name  the keys of all, by name
    """
    owners: dict[str, list[str]] = {}
    for name, keys in by_name.items():
        for key in set(keys) - set(taken):
            owners.setdefault(key, []).append(name)
    return {key: f"no effect with {what}; it is for {', '.join(names)}" for key, names in owners.items()}


def _joined(settings: Iterable[Mapping[str, dict]]) -> dict[str, dict]:
    """All settings; of several with one name, the first."""
    joined: dict[str, dict] = {}
    for one in settings:
        joined |= {key: setting for key, setting in one.items() if key not in joined}
    return joined


def checked(instance: Any, schema: dict, file: str | os.PathLike) -> Any:
    """A copy of `instance` with the defaults of a schema. Raises ConfigError for the first wrong key."""
    errors = sorted(
        jsonschema.Draft202012Validator(schema).iter_errors(instance),
        key=lambda error: [str(step) for step in error.path],
    )
    if errors:
        raise ConfigError(f"{file}: {message(errors[0], schema)}")
    for where, value in _leaves(instance):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{file}: {where}: {value} is not a finite number")
    return _with_defaults(_whole_numbers(instance), schema)


def _axis(setting: dict) -> dict:
    """The schema of an axis of a grid: a list of values; a setting that names its axis is a mapping of its own."""
    value = _setting(setting)
    if "axis" in setting:
        return value
    outer = {key: value.pop(key) for key in ("description", "default") if key in value}
    return {**outer, "type": "array", "minItems": 1, "uniqueItems": True, "items": value}


def _range(setting: dict) -> dict:
    """The schema of an axis that is written as a range; of one that has no range, that of a list."""
    if "axis" in setting or setting.get("type") not in ("number", "integer"):
        return _axis(setting)
    value = {key: part for key, part in _setting(setting).items() if key not in ("description", "default")}
    return {
        "description": setting["description"],
        "type": "object",
        "additionalProperties": False,
        "required": ["from", "to"],
        "of": "a range",
        "properties": {
            "from": {"description": "Lower end.", **value},
            "to": {"description": "Upper end.", **value},
            "log": {"description": "Whether its logarithm is evenly spread.", "type": "boolean", "default": False},
        },
    }


def _setting(setting: dict) -> dict:
    return {key: value for key, value in setting.items() if key not in DECLARED_ONLY}


def _resolve(subschema: Any, schema: dict) -> Any:
    """A copy of a subschema with its references replaced by the definitions they name."""
    if isinstance(subschema, list):
        return [_resolve(item, schema) for item in subschema]
    if not isinstance(subschema, dict):
        return subschema
    if "$ref" in subschema:
        subschema = schema["$defs"][subschema["$ref"].rpartition("/")[2]]
    return {key: _resolve(value, schema) for key, value in subschema.items() if key != "$defs"}


def _leaves(instance: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """All values except mappings and lists, each with its dotted key."""
    if isinstance(instance, dict | list):
        for key, value in instance.items() if isinstance(instance, dict) else enumerate(instance):
            yield from _leaves(value, f"{where}.{key}".removeprefix("."))
    else:
        yield where, instance


def _whole_numbers(instance: Any) -> Any:
    """A copy with 128.0 as 128, so that both spellings mean the same everywhere."""
    if isinstance(instance, dict):
        return {key: _whole_numbers(value) for key, value in instance.items()}
    if isinstance(instance, list):
        return [_whole_numbers(value) for value in instance]
    return int(instance) if isinstance(instance, float) and instance.is_integer() else instance


def _with_defaults(instance: Any, schema: dict) -> Any:
    if not isinstance(instance, dict):
        return instance
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for key, subschema in properties.items():
        if key not in instance and "default" in subschema:
            instance[key] = copy.deepcopy(subschema["default"])
        if key in instance:
            instance[key] = _with_defaults(instance[key], subschema)
    if isinstance(others, dict):
        for key in instance.keys() - properties.keys():
            instance[key] = _with_defaults(instance[key], others)
    return instance
