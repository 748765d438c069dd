"""Reading YAML files: one mapping with unique keys."""

import os
from pathlib import Path
from typing import Any

import yaml

from graincast.configuration.errors import ConfigError, nearest
from graincast.configuration.messages import shown
from graincast.configuration.overrides import check_keys

MOST_VALUES = 100_000
REMEDY = "; correct the path, or work in the project's folder"


def read(path: str | os.PathLike) -> dict:
    """The mapping in a YAML file. Raises ConfigError."""
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"{path}: a folder; name a configuration file in it")
    if not path.exists():
        beside = {str(other) for other in path.parent.glob("*.yaml")}
        raise ConfigError(f"{path}: no such file{nearest(str(path), beside) or REMEDY}")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)
    except yaml.MarkedYAMLError as error:
        problem = f"not valid YAML: {error.context}, {error.problem}" if error.context else error.problem
        assert error.problem_mark is not None  # the loader gives each error a position
        raise ConfigError(f"{path}: line {error.problem_mark.line + 1}: {problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply to be a configuration") from None
    check_size(content, path)
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds {shown(content)}, not a mapping of keys")
    check_keys(content, path)
    return content


def of_the_project(path: Path) -> Any:
    """The content of a YAML file that comes with the project, read by libyaml where it is there: ten times as fast."""
    return yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def check_size(content: Any, where: object) -> None:
    """Raise ConfigError for more values than a configuration can have: few lines can stand for billions."""
    if _size(content, {}) > MOST_VALUES:
        raise ConfigError(f"{where}: holds more than {MOST_VALUES:,} values once its aliases (*) are replaced")


def _size(content: Any, known: dict[int, int]) -> int:
    """The number of values in some content, each as often as it is named; known: by the identity of collections."""
    if not isinstance(content, dict | list):
        return 1
    if id(content) not in known:
        known[id(content)] = MOST_VALUES  # one that holds itself
        below = content.values() if isinstance(content, dict) else content
        known[id(content)] = 1 + sum(_size(value, known) for value in below)
    return known[id(content)]


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
