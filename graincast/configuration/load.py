"""Load a configuration: read it, check it against the composed schema and fill in the defaults.

An error is one line: the file, the key, what is allowed and the nearest valid name.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graincast.configuration import checks, experiments, extension_models, overrides, reading
from graincast.configuration.errors import ConfigError, nearest
from graincast.configuration.schema import checked, of_configuration
from graincast.configuration.yaml_file import check_size, of_the_project, read
from graincast.features import named
from graincast.features.named import Features
from graincast.files.expansion import expand
from graincast.microstructure import BadInput
from graincast.program import extensions

FEATURE_SETS = Path(named.__file__).with_name("sets.yaml")


def load(config: dict, file: str | os.PathLike, *others: str | os.PathLike) -> dict:
    """The configuration and its experiments, checked, with all defaults filled in.

    config  the content of `file` over that of others, with overrides from the command line
    file    its name, for messages; experiments are read from the folder `experiments` beside it, or beside others
    Returns the configuration; its `experiments` maps each name to the content of the experiment's file.
    Raises ConfigError.
    """
    files = [one for one in (file, *reversed(others)) if Path(one).is_file()]
    check_size(config, file)  # before anything walks through it
    overrides.check_keys(config, file)
    # read here too, as other YAML readers accept duplicate keys
    written = _with_feature_sets(overrides.parsed(config, [read(one) for one in files]) if files else config)
    config = checked(written, of_configuration(written), file)
    folders = extension_folders(config, file)
    extension_models.check(folders)
    checks.check_tracking(f"{file}: tracking", config["tracking"])
    for name in config["datasets"]:
        checks.check_dataset(f"{file}: datasets.{name}", written["datasets"][name], config["datasets"][name])
    for name in config["datasets"]:
        checks.check_from(f"{file}: datasets.{name}", name, config["datasets"])
    for name in config["predictions"]:
        reading.check(f"{file}: predictions.{name}", written["predictions"][name], config["predictions"][name])
    for name in config["splits"]:
        checks.check_split(f"{file}: splits.{name}", written["splits"][name], config["splits"][name])
    checks.check_sets(file, config, _features(file, folders))
    listed = config["experiments"]
    held = written["experiments"] if isinstance(listed, dict) else dict.fromkeys(listed)
    config["experiments"] = {
        name: experiments.load(name, _folder(name, file, others), config, file, folders, content)
        for name, content in held.items()
    }
    checks.check_stacks(file, config)
    return config


def _folder(experiment: str, file: str | os.PathLike, others: Sequence[str | os.PathLike]) -> Path:
    """The folder with an experiment's file: beside the last configuration file that has it."""
    folders = [Path(one).parent / "experiments" for one in (file, *reversed(others))]
    return next((folder for folder in folders if (folder / f"{experiment}.yaml").is_file()), folders[0])


def extension_folders(config: dict, file: str | os.PathLike) -> list[Path]:
    """The folders of a configuration's extensions, which are then importable. Raises ConfigError."""
    try:
        folders = [expand(path, "extensions") for path in config["extensions"]]
        extensions.install(folders)
    except BadInput as error:
        raise ConfigError(f"{file}: {error}") from None
    return folders


def section(config: dict, name: str, file: str | os.PathLike) -> Any:
    """A section of a configuration. Raises ConfigError with the nearest name if it is missing."""
    if name not in config:
        raise ConfigError(f"{file}: no section {name!r}{nearest(name, config)} (known: {', '.join(config)})")
    return config[name]


def predefined_feature_sets() -> dict[str, list[str]]:
    """The node features of the feature sets that every configuration has, by name."""
    return of_the_project(FEATURE_SETS)


def _features(file: object, folders: Sequence[Path]) -> tuple[Features, Features]:
    try:
        return named.tables(folders)
    except BadInput as error:
        raise ConfigError(f"{file}: extensions: {error}") from None


def _with_feature_sets(config: dict) -> dict:
    """The configuration with the predefined feature sets; lists stand for node features, names of sets for theirs."""
    own = config.get("feature_sets", {})
    if not isinstance(own, dict):
        return config
    sets = {**predefined_feature_sets(), **own}
    sets = {name: content if isinstance(content, dict) else {"nodes": content} for name, content in sets.items()}
    return {**config, "feature_sets": {name: _filled_in(name, sets) for name in sets}}


def _filled_in(name: str, sets: dict[str, dict], within: tuple[str, ...] = ()) -> dict:
    """A feature set in which names of other sets are replaced by their node features, each once."""
    if name in within:
        raise ConfigError(f"feature_sets.{name}: contains itself, by way of {' and '.join(within[1:])}")
    nodes = sets[name].get("nodes")
    if not isinstance(nodes, list) or not all(isinstance(one, str) for one in nodes):
        return sets[name]  # which the schema refuses
    of_sets = {one: _filled_in(one, sets, (*within, name)).get("nodes") for one in nodes if one in sets and one != name}
    by_name = {one: features for one, features in of_sets.items() if isinstance(features, list)}
    shared = {feature for features in by_name.values() for feature in features}
    found = [feature for one in nodes for feature in by_name.get(one, [one])]
    return {**sets[name], "nodes": [one for i, one in enumerate(found) if one not in shared or one not in found[:i]]}
