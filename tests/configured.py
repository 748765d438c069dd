"""A minimal configuration with one experiment, loaded with keys changed."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from graincast.configuration.errors import ConfigError
from graincast.configuration.load import load

MINIMAL = """
experiments: [first]
datasets:
  sim: {source: simulate, simulate: {}}
  raw: {source: spparks, path: /somewhere}
splits:
  held-out: {method: fractions}
  folds: {method: k-fold}
feature_sets:
  two: [type, area]
"""
EXPERIMENT = "{dataset: sim, split: held-out, features: two, model: sgc, target: {threshold: [10]}}"
Changes = Mapping[str, object]
"""{dotted key: its new value, or that value as YAML; ... removes the key}"""


def changed(text: str, changes: Changes | None) -> dict:
    """A mapping in YAML with keys replaced."""
    content = yaml.safe_load(text)
    for path, value in (changes or {}).items():
        *parents, key = path.split(".")
        mapping = content
        for parent in parents:
            mapping = mapping.setdefault(parent, {})
        if value is ...:
            del mapping[key]
        else:
            mapping[yaml.safe_load(key)] = yaml.safe_load(value) if isinstance(value, str) else value
    return content


def loaded(
    folder: Path,
    config: Changes | None = None,
    experiment: Changes | str | None = None,
    others: Mapping[str, str] | None = None,
) -> dict:
    """The minimal configuration with changes, loaded from `folder / "config.yaml"`.

    experiment  changes to the experiment, or the text of its file
    others      texts of further experiment files, by name
    """
    (folder / "experiments").mkdir(exist_ok=True)
    text = experiment if isinstance(experiment, str) else yaml.safe_dump(changed(EXPERIMENT, experiment))
    for name, content in {"first": text, **(others or {})}.items():
        (folder / f"experiments/{name}.yaml").write_text(content, encoding="utf-8")
    return load(changed(MINIMAL, config), folder / "config.yaml")


def rejection(
    folder: Path,
    config: Changes | None = None,
    experiment: Changes | str | None = None,
    others: Mapping[str, str] | None = None,
) -> str:
    """The message, one line, that refuses the minimal configuration with changes."""
    with pytest.raises(ConfigError) as caught:
        loaded(folder, config, experiment, others)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message
