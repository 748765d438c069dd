"""The configuration: read, checked against `config/schema.yaml`, defaults filled in.

An error is one line that names the file, the key, what is allowed and the nearest valid name.
"""

import copy
import math
import os
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from graincast.configuration import checks
from graincast.configuration.errors import ConfigError, nearest
from graincast.encoders.registry import SETTINGS as ENCODER_KEYS
from graincast.evaluation import metrics
from graincast.models.registry import MODELS

PACKAGED, IN_CHECKOUT = Path(__file__).with_name("schema.yaml"), Path(__file__).parents[2] / "config" / "schema.yaml"
SCHEMA = PACKAGED if PACKAGED.is_file() else IN_CHECKOUT
RENAMED_KEYS = {("grid", "hops"): "propagation_steps", ("target", "share"): "fraction"}
RENAMED_VALUES = {"hops": "propagation_steps", "share": "fraction"}
"""Names of former versions, and those that took their place."""
WORDS = {
    "object": "a mapping of keys",
    "array": "a list",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}


def load(config: dict, file: str | os.PathLike) -> dict:
    """Check a configuration and its experiments, and return them with all defaults filled in.

    config  the content of `file` (with what the command line overrides)
    file    its name for messages; experiments are read from the folder `experiments` beside it
    Returns the configuration, where `experiments` maps each name to the content of its file.
    Raises ConfigError.
    """
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    if Path(file).is_file():
        read(file)  # other readers let a key stand twice
    given, config = config, checked(config, schema, schema, file)
    checks.check_tracking(f"{file}: tracking", config["tracking"])
    for name in config["datasets"]:
        checks.check_dataset(f"{file}: datasets.{name}", given["datasets"][name], config["datasets"][name])
    for name in config["splits"]:
        checks.check_split(f"{file}: splits.{name}", given["splits"][name], config["splits"][name])
    checks.check_sets(file, given, config)
    folder = Path(file).parent / "experiments"
    experiments = {}
    for name in config["experiments"]:
        path = folder / f"{name}.yaml"
        if not path.is_file():
            present = [entry.stem for entry in folder.glob("*.yaml")]
            raise ConfigError(f"{file}: experiments: no file {path}{nearest(name, present)}")
        written = read(path)
        content = checked(written, schema["$defs"]["experiment"], schema, path)
        for key, section in (("dataset", "datasets"), ("split", "splits")):
            if content[key] not in config[section]:
                raise ConfigError(
                    f"{path}: {key}: {content[key]!r} is not among the {section} of {file} "
                    f"({', '.join(config[section])}){nearest(content[key], config[section])}"
                )
        checks.check_experiment(path, written, content, config, file)
        model = MODELS[content["model"]]
        for section, keys in (("grid", checks.GRID_KEYS[content["model"]]), ("training", model.training)):
            content[section] = {key: content[section][key] for key in keys}  # without other models' defaults
        if content["target"]["grains"] == "all":
            content["training"]["loss_grains"] = "all"
        if content["select"] is None:
            content["select"] = metrics.default(content["target"]["kind"], model.calibrated)
        experiments[name] = content
    config["experiments"] = experiments
    for name, encoder in config["encoders"].items():
        keys = ("method", *ENCODER_KEYS[encoder["method"]])
        config["encoders"][name] = {key: encoder[key] for key in keys}
    return config


def section(config: dict, name: str, file: str | os.PathLike) -> Any:
    """One section of a configuration. Raises ConfigError, with the nearest name, where there is none."""
    if name not in config:
        raise ConfigError(f"{file}: no section {name!r}{nearest(name, config)} (known: {', '.join(config)})")
    return config[name]


def read(path: str | os.PathLike) -> dict:
    """A YAML file's mapping. Raises ConfigError."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _EachKeyOnce)
    except yaml.MarkedYAMLError as error:
        problem = f"not valid YAML: {error.context}, {error.problem}" if error.context else error.problem
        raise ConfigError(f"{path}: line {error.problem_mark.line + 1}: {problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {_shown(content)}, not a mapping of keys")
    return content


class _EachKeyOnce(yaml.SafeLoader):
    """YAML where a key that stands twice in a mapping is an error, as YAML's standard has it."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[tuple, yaml.ScalarNode] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                earlier = first.setdefault((key.tag, key.value), key)
                if earlier is not key:
                    problem = f"the key {key.value!r} stands twice, first in line {earlier.start_mark.line + 1}"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        return node


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
    return _with_defaults(_whole_numbers(instance), resolved)


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


def _whole_numbers(instance: Any) -> Any:
    """A copy in which 128.0 is 128, so that it is the same to all that reads it."""
    if isinstance(instance, dict):
        return {key: _whole_numbers(value) for key, value in instance.items()}
    if isinstance(instance, list):
        return [_whole_numbers(value) for value in instance]
    return int(instance) if isinstance(instance, float) and instance.is_integer() else instance


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
        if (where, wrong) in RENAMED_KEYS:
            return f"{where}.{wrong}: renamed to {RENAMED_KEYS[where, wrong]}"
        return f"{where}: unknown key {wrong!r}{nearest(wrong, known)} (known: {', '.join(known)})"
    if error.validator == "enum":
        if error.instance in RENAMED_VALUES:
            return f"{where}: {error.instance!r} is now called {RENAMED_VALUES[error.instance]!r}"
        allowed = ", ".join("null" if value is None else str(value) for value in error.validator_value)
        return f"{where}: {error.instance!r} is none of {allowed}{nearest(error.instance, error.validator_value)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{where}: the key {missing!r} is missing (required: {', '.join(error.validator_value)})"
    if error.validator == "oneOf":
        kinds = " or ".join(WORDS[option["type"]].split(" ", 1)[-1] for option in error.validator_value)
        # what is wrong within the option of the right type; without one, what the types should be
        unlike = {sub.schema_path[0] for sub in error.context if sub.validator == "type" and not sub.path}
        inner = [sub for sub in error.context if sub.schema_path[0] not in unlike] or [
            sub for sub in error.context if _remedy(sub)
        ]
        return f"{where}: {_shown(error.instance)} is not a valid {kinds}" + (f" ({_wrong(inner[0])})" if inner else "")
    if error.validator == "pattern":
        return f"{where}: {error.instance!r} is not a name of letters, digits, - and _ ({error.validator_value})"
    return f"{where}: {_wrong(error)}"


def _wrong(error: jsonschema.ValidationError) -> str:
    """What is wrong with a value, and how to write what may have been meant."""
    if error.validator != "type":
        return error.message
    return f"{_shown(error.instance)} is not {' or '.join(WORDS[kind] for kind in _types(error))}{_remedy(error)}"


def _types(error: jsonschema.ValidationError) -> list[str]:
    return [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value


def _shown(value: Any) -> str:
    """A value as in messages: a long one is named only."""
    if isinstance(value, dict | list) and len(repr(value)) > 60:
        return WORDS["object" if isinstance(value, dict) else "array"]
    names = {None: "nothing", True: "true", False: "false"}
    return names[value] if value is None or isinstance(value, bool) else repr(value)


def _remedy(error: jsonschema.ValidationError) -> str:
    """How to write a list of one, a number as text, or a number that YAML takes for text, such as 1e-3."""
    if error.validator != "type" or error.instance is None:
        return ""
    if "array" in _types(error) and not isinstance(error.instance, dict):
        return f"; write [{_shown(error.instance)}]"
    if "string" in _types(error) and isinstance(error.instance, int | float):
        return f'; write "{_shown(error.instance)}"'
    if not {"number", "integer"}.intersection(_types(error)):
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
