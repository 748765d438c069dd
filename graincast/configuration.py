"""The configuration: read, checked against `config/schema.yaml`, defaults filled in.

An error is one line that names the file, the key, what is allowed and the nearest valid name.
"""

import copy
import difflib
import math
import os
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import jsonschema
import yaml

SCHEMA = Path(__file__).parents[1] / "config" / "schema.yaml"


class ConfigError(ValueError):
    """A configuration that cannot be run; the message says where and why."""


def load(config: dict, file: str | os.PathLike) -> dict:
    """Check a configuration and its experiments, and return them with all defaults filled in.

    config  the content of `file` (with what the command line overrides)
    file    its name for messages; experiments are read from the folder `experiments` beside it
    Returns the configuration, where `experiments` maps each name to the content of its file.
    Raises ConfigError.
    """
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    config = checked(config, schema, schema, file)
    folder = Path(file).parent / "experiments"
    experiments = {}
    for name in config["experiments"]:
        path = folder / f"{name}.yaml"
        if not path.is_file():
            present = [entry.stem for entry in folder.glob("*.yaml")]
            raise ConfigError(f"{file}: experiments: no file {path}{nearest(name, present)}")
        content = checked(read(path), schema["$defs"]["experiment"], schema, path)
        for key, section in (("dataset", "datasets"), ("split", "splits"), ("features", "feature_sets")):
            if content[key] not in config[section]:
                raise ConfigError(
                    f"{path}: {key}: {content[key]!r} is not among the {section} of {file} "
                    f"({', '.join(config[section])}){nearest(content[key], config[section])}"
                )
        experiments[name] = content
    config["experiments"] = experiments
    for name, dataset in config["datasets"].items():
        _check_dataset(f"{file}: datasets.{name}", dataset)
    for name, split in config["splits"].items():
        _check_split(f"{file}: splits.{name}", split)
    return config


def read(path: str | os.PathLike) -> dict:
    """A YAML file's mapping. Raises ConfigError."""
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {type(content).__name__}, not a mapping of keys")
    return content


def expand(path: str, where: str) -> Path:
    """A configured path with environment variables and ~ expanded. Raises ConfigError naming an unset variable."""
    missing = [a or b for a, b in re.findall(r"\$(?:(\w+)|\{(\w+)\})", path) if (a or b) not in os.environ]
    if missing:
        raise ConfigError(f"{where}: the environment variable {missing[0]} is not set; export it or write the path out")
    try:
        return Path(os.path.expandvars(path)).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{where}: {path}: {error}") from None


def checked(instance: Any, part: dict, schema: dict, file: str | os.PathLike) -> Any:
    """A copy of `instance` with the defaults of `part` of the schema. Raises ConfigError at the first wrong key."""
    resolved = _resolve(part, schema)
    errors = sorted(
        jsonschema.Draft202012Validator(resolved).iter_errors(instance), key=lambda error: [str(p) for p in error.path]
    )
    if errors:
        raise ConfigError(f"{file}: {_message(errors[0])}")
    for where, value in _leaves(instance):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{file}: {where}: {value} is not a finite number")
    return _with_defaults(copy.deepcopy(instance), resolved)


def nearest(name: str, names: Any) -> str:
    """ "; did you mean …?", or nothing where no name is near."""
    match = difflib.get_close_matches(str(name), [str(n) for n in names], n=1)
    return f"; did you mean {match[0]!r}?" if match else ""


def _resolve(part: Any, schema: dict) -> Any:
    if isinstance(part, list):
        return [_resolve(item, schema) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    return {key: _resolve(value, schema) for key, value in part.items() if key != "$defs"}


def _leaves(instance: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """All values that are no mapping or list, each with its key written as in messages."""
    if isinstance(instance, dict | list):
        for key, value in instance.items() if isinstance(instance, dict) else enumerate(instance):
            yield from _leaves(value, f"{where}.{key}".removeprefix("."))
    else:
        yield where, instance


def _with_defaults(instance: Any, part: dict) -> Any:
    if not isinstance(instance, dict):
        return instance
    for key, subpart in part.get("properties", {}).items():
        if key not in instance and "default" in subpart:
            instance[key] = copy.deepcopy(subpart["default"])
        if key in instance:
            instance[key] = _with_defaults(instance[key], subpart)
    others = part.get("additionalProperties")
    if isinstance(others, dict):
        for key in instance.keys() - part.get("properties", {}).keys():
            instance[key] = _with_defaults(instance[key], others)
    return instance


def _message(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(part) for part in error.absolute_path) or "top level"
    known = error.schema.get("properties", {})
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        wrong = next(key for key in error.instance if key not in known)
        return f"{where}: unknown key {wrong!r}{nearest(wrong, known)} (known: {', '.join(known)})"
    if error.validator == "enum":
        allowed = ", ".join(map(str, error.validator_value))
        return f"{where}: {error.instance!r} is none of {allowed}{nearest(error.instance, error.validator_value)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{where}: the key {missing!r} is missing (required: {', '.join(error.validator_value)})"
    if error.validator == "oneOf":
        kinds = " or ".join(option["type"] for option in error.validator_value)
        # what is wrong within the option of the right type; without one, what the types should be
        inner = [sub for sub in error.context if sub.validator != "type" or sub.path] or [
            sub for sub in error.context if _remedy(sub)
        ]
        return f"{where}: {error.instance!r} is not a valid {kinds}" + (
            f" ({inner[0].message}{_remedy(inner[0])})" if inner else ""
        )
    if error.validator == "pattern":
        return f"{where}: {error.instance!r} is not a name of letters, digits, - and _ ({error.validator_value})"
    return f"{where}: {error.message}{_remedy(error)}"


def _remedy(error: jsonschema.ValidationError) -> str:
    """How to write a number that YAML takes for text, such as 1e-3: it wants a dot and a sign of the exponent."""
    if error.validator != "type" or not {"number", "integer"}.intersection(
        [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value
    ):
        return ""
    try:
        value = Decimal(error.instance) if isinstance(error.instance, str) else Decimal("nan")
    except InvalidOperation:
        return ""
    if not value.is_finite():
        return ""
    plain = f"{value:f}"
    mantissa, _, exponent = f"{value.normalize():e}".partition("e")
    scientific = f" or {mantissa}{'' if '.' in mantissa else '.0'}e{exponent}" if "e" in error.instance.lower() else ""
    return f"; YAML takes it for text, write {plain}{scientific}"


def _check_dataset(where: str, dataset: dict) -> None:
    if dataset["source"] != "simulate":
        if "path" not in dataset:
            raise ConfigError(f"{where}: source {dataset['source']} needs the key 'path', the folder of the raw data")
        if "simulate" in dataset:
            raise ConfigError(f"{where}.simulate: only a data set with source simulate takes it")
        return
    if "path" in dataset:
        raise ConfigError(f"{where}.path: a simulated data set has none")
    if "simulate" not in dataset:
        raise ConfigError(f"{where}: source simulate needs the key 'simulate'")
    fraction = dataset["simulate"]["red_fraction"]
    if isinstance(fraction, list) and fraction[0] > fraction[1]:
        raise ConfigError(f"{where}.simulate.red_fraction: the range {fraction} runs backwards")


def _check_split(where: str, split: dict) -> None:
    if split["method"] == "file" and "path" not in split:
        raise ConfigError(f"{where}: method file needs the key 'path', a CSV with the columns microstructure, split")
    if split["method"] == "fractions" and split["validation"] + split["test"] >= 1:
        raise ConfigError(f"{where}: validation and test together leave nothing to train on")
