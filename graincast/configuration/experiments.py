"""Experiment files: each may take over another's keys by `base`, and is checked against its model's declaration."""

import copy
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graincast.configuration import checks
from graincast.configuration.errors import ConfigError, nearest
from graincast.configuration.schema import checked, of_experiment
from graincast.configuration.yaml_file import read
from graincast.evaluation import metrics
from graincast.experiment import declaration

BASE = "base"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
REMOVED: Any = object()
"""The value of a key that a file removes from its base."""


def load(
    name: str, folder: Path, config: dict, file: object, extensions: Sequence[Path], content: dict | None = None
) -> dict:
    """An experiment with all defaults, checked.

    folder   of the experiment files
    config   the checked configuration without its experiments; `file` is its name, for messages
    content  the experiment, if the configuration itself holds it; else it has a file
    Raises ConfigError.
    """
    path = str(folder / f"{name}.yaml") if content is None else f"{file}: experiments.{name}"
    written, inherited = _inherited(name, folder, file) if content is None else _merged(path, content, folder, file)
    schema = of_experiment(written.get("model"), extensions, written.get("grid"))
    written = _without_removed(written, schema)
    models = {name: declaration.read(name, extensions) for name in declaration.names(extensions)}
    try:
        experiment = checked(written, schema, path)
        checks.check_experiment(path, written, experiment, config, models, file)
    except ConfigError as error:
        problem = str(error).removeprefix(f"{path}: ")
        raise ConfigError(f"{path}: {problem}{_origin(problem, schema, inherited)}") from None
    declared = models[experiment["model"]]
    experiment["grid"] = {key: experiment["grid"][key] for key in declared.grid}
    experiment["training"] = {key: experiment["training"][key] for key in declared.training}
    if experiment["select"] is None:
        experiment["select"] = declared.select or metrics.selecting(experiment["target"]["kind"])[0]
    return experiment


def _inherited(name: str, folder: Path, file: object, above: tuple[str, ...] = ()) -> tuple[dict, dict[str, str]]:
    """The content of an experiment's file merged into that of its bases, and {key: base that sets it}."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        names = {entry.stem for entry in folder.glob("*.yaml")} - set(above)
        where = f"{folder / above[-1]}.yaml: {BASE}" if above else f"{file}: experiments"
        raise ConfigError(f"{where}: no file {path}{nearest(name, names)}")
    return _merged(str(path), read(path), folder, file, (*above, name))


def _merged(
    path: str, content: dict, folder: Path, file: object, chain: tuple[str, ...] = ()
) -> tuple[dict, dict[str, str]]:
    """The same for content that is at hand. chain: the names that led to it."""
    own = dict(content)
    base = own.pop(BASE, None)
    if base is None:
        return own, {}
    if not (isinstance(base, str) and NAME.fullmatch(base)):
        raise ConfigError(f"{path}: {BASE}: {base!r} is not the name of an experiment")
    if base in chain:
        raise ConfigError(f"{path}: {BASE}: a cycle, {' → '.join([*chain, base])}; remove one of them")
    inherited, origins = _inherited(base, folder, file, chain)
    origins = {**dict.fromkeys(_keys(inherited), base), **origins}
    own_keys = set(_keys(own))
    return merged(inherited, own), {key: of for key, of in origins.items() if key not in own_keys}


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping over another: mappings are merged, other values replaced, and what is null in `own` is REMOVED."""
    result = dict(base)
    for key, value in own.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            result[key] = merged(base[key], value)
        else:
            result[key] = REMOVED if value is None and key in base else value
    return result


def _without_removed(instance: Any, schema: dict) -> Any:
    """A copy without removed keys; where null is one of a key's values, the key is null instead."""
    if not isinstance(instance, dict):
        return copy.deepcopy(instance)
    kept: dict[str, Any] = {}
    for key, value in instance.items():
        part = schema.get("properties", {}).get(key, {})
        if value is not REMOVED:
            kept[key] = _without_removed(value, part)
        elif _takes_null(part):
            kept[key] = None
    return kept


def _takes_null(part: dict) -> bool:
    return "null" in part.get("type", ()) or None in part.get("enum", ())


def _keys(content: Mapping[str, Any], prefix: str = "") -> list[str]:
    """The dotted keys of all values, those of mappings included."""
    found = []
    for key, value in content.items():
        found += [f"{prefix}{key}", *(_keys(value, f"{prefix}{key}.") if isinstance(value, dict) else [])]
    return found


def _origin(problem: str, schema: dict, inherited: Mapping[str, str]) -> str:
    """Where the key of a problem comes from, if its file inherits it, and how to be rid of it."""
    for key in sorted(inherited, key=len, reverse=True):
        section, _, last = key.rpartition(".")
        if problem.startswith((f"{key}: ", f"{key}.", f"{section or 'top level'}: unknown key {last!r}")):
            part = schema
            for step in key.split("."):
                part = part.get("properties", {}).get(step, {})
            removable = key not in schema["required"] and not _takes_null(part)
            removal = ": {".join(key.split(".")) + ": null" + "}" * key.count(".")
            return f"; inherited from base {inherited[key]}" + (f", `{removal}` removes it" if removable else "")
    return ""
