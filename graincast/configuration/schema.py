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
import yaml

from graincast.configuration.errors import ConfigError
from graincast.configuration.messages import message
from graincast.experiment import declaration as model_declarations
from graincast.files import declaration
from graincast.raw.sources import SOURCES

PACKAGED, IN_CHECKOUT = Path(__file__).with_name("schema.yaml"), Path(__file__).parents[2] / "config" / "schema.yaml"
FILE = PACKAGED if PACKAGED.is_file() else IN_CHECKOUT
ENCODERS = Path(__file__).parents[1] / "encoders"
OF_EVERY_SOURCE = ("source", "results", "max_rejected")
DECLARED_ONLY = ("axis", "short", "at_most")
"""Entries of a declared setting that are not of JSON Schema."""


@functools.cache
def shared() -> dict:
    """`config/schema.yaml`, with its references replaced by the definitions they name."""
    schema = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    resolved = _resolve(schema, schema)
    return resolved | {"$defs": {name: _resolve(part, schema) for name, part in schema["$defs"].items()}}


def of_configuration(written: Mapping[str, Any]) -> dict:
    """The schema of a configuration: each data set by its source, each encoder by its method."""
    schema = copy.deepcopy({key: value for key, value in shared().items() if key != "$defs"})
    for section, one in (("datasets", of_dataset), ("encoders", of_encoder)):
        entries = written.get(section)
        if isinstance(entries, dict):
            key = "source" if section == "datasets" else "method"
            by_name = {str(n): one(e.get(key)) for n, e in entries.items() if isinstance(e, dict) and key in e}
            schema["properties"][section]["properties"] = by_name
    return schema


def of_dataset(source: object) -> dict:
    """The schema of a data set from a source; for an unknown one, of what all have in common."""
    every = shared()["$defs"]["dataset"]
    properties = {**every["properties"], "source": {**every["properties"]["source"], "enum": list(SOURCES)}}
    one = SOURCES.get(source) if isinstance(source, str) else None
    if one is None:
        return {**every, "properties": properties, "additionalProperties": True}
    taken = {key: properties[key] for key in (*OF_EVERY_SOURCE, *one.keys)} | dict(one.settings)
    others = {name: (*other.keys, *other.settings) for name, other in SOURCES.items() if name != source}
    return {
        **every,
        "properties": taken,
        "required": ["source", *one.required],
        "elsewhere": no_effect(f"source {source}", taken, others),
    }


def of_encoder(method: object) -> dict:
    """The schema of an encoder by a method; for an unknown one, of the method alone."""
    every = shared()["$defs"]["encoder"]
    known = declaration.names([ENCODERS])
    properties = {"method": {**every["properties"]["method"], "enum": known}}
    if method not in known:
        return {**every, "properties": properties, "additionalProperties": True}
    taken = properties | declaration.read(str(method), [ENCODERS])["settings"]
    others = {name: declaration.read(name, [ENCODERS])["settings"] for name in known if name != method}
    return {**every, "properties": taken, "elsewhere": no_effect(f"method {method}", taken, others)}


def of_experiment(model: object, extensions: Sequence[Path] = ()) -> dict:
    """The schema of an experiment with a model; for an unknown one, of what all have in common."""
    schema = copy.deepcopy(shared()["$defs"]["experiment"])
    known = model_declarations.names(extensions)
    schema["properties"]["model"]["enum"] = known
    if model not in known:
        return schema
    declared = {name: model_declarations.read(name, extensions) for name in known}
    one = declared[str(model)]
    for section, settings in (("grid", one.grid), ("training", one.training)):
        others = {name: getattr(other, section) for name, other in declared.items() if name != model}
        schema["properties"][section] |= {
            "properties": {key: (_axis if section == "grid" else _setting)(value) for key, value in settings.items()},
            "additionalProperties": False,
            "elsewhere": no_effect(f"model {model}", settings, others, takes=True),
        }
    return schema


def no_effect(what: str, taken: Iterable[str], others: Mapping[str, Iterable[str]], takes: bool = False) -> dict:
    """{key that others take and this one does not: why it has no effect here}."""
    owners: dict[str, list[str]] = {}
    for name, keys in others.items():
        for key in set(keys) - set(taken):
            owners.setdefault(key, []).append(name)
    own = f" (it takes {', '.join(taken) or 'nothing'})" if takes else ""
    return {key: f"no effect with {what}{own}; it is for {', '.join(names)}" for key, names in owners.items()}


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
