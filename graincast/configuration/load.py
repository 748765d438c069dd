"""Load a configuration: read it, check it against `config/schema.yaml` and fill in the defaults.

An error is one line: the file, the key, what is allowed and the nearest valid name.
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
"""Names used by earlier versions, and their replacements."""
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
    """The configuration and its experiments, checked, with all defaults filled in.

    config  the content of `file`, with overrides from the command line
    file    its name, for messages; experiments are read from the folder `experiments` beside it
    Returns the configuration; its `experiments` maps each name to the content of the experiment's file.
    Raises ConfigError.
    """
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    if Path(file).is_file():
        read(file)  # other YAML readers accept duplicate keys
    written, config = config, checked(config, schema, schema, file)
    checks.check_tracking(f"{file}: tracking", config["tracking"])
    for name in config["datasets"]:
        checks.check_dataset(f"{file}: datasets.{name}", written["datasets"][name], config["datasets"][name])
    for name in config["splits"]:
        checks.check_split(f"{file}: splits.{name}", written["splits"][name], config["splits"][name])
    checks.check_sets(file, written, config)
    folder = Path(file).parent / "experiments"
    experiments = {}
    for name in config["experiments"]:
        path = folder / f"{name}.yaml"
        if not path.is_file():
            names = [entry.stem for entry in folder.glob("*.yaml")]
            raise ConfigError(f"{file}: experiments: no file {path}{nearest(name, names)}")
        written_experiment = read(path)
        experiment = checked(written_experiment, schema["$defs"]["experiment"], schema, path)
        for key, section in (("dataset", "datasets"), ("split", "splits")):
            if experiment[key] not in config[section]:
                raise ConfigError(
                    f"{path}: {key}: {experiment[key]!r} is not among the {section} of {file} "
                    f"({', '.join(config[section])}){nearest(experiment[key], config[section])}"
                )
        checks.check_experiment(path, written_experiment, experiment, config, file)
        model = MODELS[experiment["model"]]
        for section, keys in (("grid", checks.GRID_KEYS[experiment["model"]]), ("training", model.training)):
            experiment[section] = {key: experiment[section][key] for key in keys}  # drop other models' defaults
        if experiment["target"]["grains"] == "all":
            experiment["training"]["loss_grains"] = "all"
        if experiment["select"] is None:
            experiment["select"] = metrics.default(experiment["target"]["kind"], model.calibrated)
        experiments[name] = experiment
    config["experiments"] = experiments
    for name, encoder in config["encoders"].items():
        keys = ("method", *ENCODER_KEYS[encoder["method"]])
        config["encoders"][name] = {key: encoder[key] for key in keys}
    return config


def section(config: dict, name: str, file: str | os.PathLike) -> Any:
    """A section of a configuration. Raises ConfigError with the nearest name if it is missing."""
    if name not in config:
        raise ConfigError(f"{file}: no section {name!r}{nearest(name, config)} (known: {', '.join(config)})")
    return config[name]


def read(path: str | os.PathLike) -> dict:
    """The mapping in a YAML file. Raises ConfigError."""
    try:
        content = yaml.load(Path(path).read_text(encoding="utf-8"), _UniqueKeyLoader)
    except yaml.MarkedYAMLError as error:
        problem = f"not valid YAML: {error.context}, {error.problem}" if error.context else error.problem
        assert error.problem_mark is not None  # the loader gives each error a position
        raise ConfigError(f"{path}: line {error.problem_mark.line + 1}: {problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {_shown(content)}, not a mapping of keys")
    return content


class _UniqueKeyLoader(yaml.SafeLoader):
    """A YAML loader that rejects duplicate keys in a mapping, as the YAML standard requires."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[tuple, yaml.ScalarNode] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                earlier = first.setdefault((key.tag, key.value), key)
                if earlier is not key:
                    problem = f"duplicate key {key.value!r}, first in line {earlier.start_mark.line + 1}"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        return node


def checked(instance: Any, subschema: dict, schema: dict, file: str | os.PathLike) -> Any:
    """A copy of `instance` with the defaults of `subschema`. Raises ConfigError for the first wrong key."""
    resolved = _resolve(subschema, schema)
    errors = sorted(
        jsonschema.Draft202012Validator(resolved).iter_errors(instance),
        key=lambda error: [str(step) for step in error.path],
    )
    if errors:
        raise ConfigError(f"{file}: {_message(errors[0])}")
    for where, value in _leaves(instance):
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{file}: {where}: {value} is not a finite number")
    return _with_defaults(_whole_numbers(instance), resolved)


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


def _message(error: jsonschema.ValidationError) -> str:
    where = ".".join(str(step) for step in error.absolute_path) or "top level"
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
        # prefer the error inside the option of the right type; without one, an error with a remedy
        wrong_type = {sub.schema_path[0] for sub in error.context if sub.validator == "type" and not sub.path}
        inner = [sub for sub in error.context if sub.schema_path[0] not in wrong_type] or [
            sub for sub in error.context if _remedy(sub)
        ]
        return f"{where}: {_shown(error.instance)} is not a valid {kinds}" + (f" ({_wrong(inner[0])})" if inner else "")
    if error.validator == "pattern":
        hint = "; use letters, digits, - and _" if "A-Za-z" in error.validator_value else ""
        return f"{where}: {error.instance!r} does not match {error.validator_value}{hint}"
    return f"{where}: {_wrong(error)}"


def _wrong(error: jsonschema.ValidationError) -> str:
    """What is wrong with a value, and the likely correction."""
    if error.validator != "type":
        return error.message
    return f"{_shown(error.instance)} is not {' or '.join(WORDS[kind] for kind in _types(error))}{_remedy(error)}"


def _types(error: jsonschema.ValidationError) -> list[str]:
    return [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value


def _shown(value: Any) -> str:
    """A value for a message; a long list or mapping is only named."""
    if isinstance(value, dict | list) and len(repr(value)) > 60:
        return WORDS["object" if isinstance(value, dict) else "array"]
    names = {None: "nothing", True: "true", False: "false"}
    return names[value] if value is None or isinstance(value, bool) else repr(value)


def _remedy(error: jsonschema.ValidationError) -> str:
    """How to write a one-item list, a number as text, or a number that YAML reads as text, such as 1e-3."""
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
    return f"; YAML reads it as text, write {plain}{scientific}"
