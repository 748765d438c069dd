"""What configurations become before they are checked: overrides from the command line, and names that YAML misreads."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from graincast.configuration.errors import ConfigError


def parsed(config: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A configuration with the values that are in none of its files read as YAML.

    Snakemake leaves the numbers inside `--config 'tracking={"timeout": 30}'` as text.
    """
    result: dict[str, Any] = {}
    for key, value in config.items():
        present = [file[key] for file in files if isinstance(file, Mapping) and key in file]
        if isinstance(value, Mapping):
            result[key] = parsed(value, [one for one in present if isinstance(one, Mapping)])
        else:
            result[key] = value if any(value == one for one in present) else _read(value)
    return result


def check_keys(config: object, file: object, where: str = "") -> None:
    """Raise ConfigError for a key that YAML does not read as text, such as no or 1."""
    if isinstance(config, Mapping):
        for key, value in config.items():
            if not isinstance(key, str):
                shown = {True: "true (yes, on)", False: "false (no, off)", None: "nothing"}
                read = shown[key] if key is None or isinstance(key, bool) else key
                place = where or "top level"
                raise ConfigError(f"{file}: {place}: YAML reads a name as {read}; put it in quotes")
            check_keys(value, file, f"{where}.{key}".lstrip("."))
    elif isinstance(config, list):
        for value in config:
            check_keys(value, file, where)


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, str):
        return value
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        return value
