"""Declarations: YAML files that say, beside a module, which settings it takes.

A declaration has scalars and lists, which are the reader's to interpret, and sections: mappings of settings. A setting
is a fragment of JSON Schema with a description and a default. `extends` names another declaration, in the same folder
or among those of the project, whose entries are taken over; own ones replace them, and sections are merged.
`abstract: true` marks one that only others extend.
"""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from graincast.microstructure import BadInput

SECTIONS = ("grid", "training", "settings")


def names(folders: Sequence[Path]) -> list[str]:
    """The names of all declarations in some folders, without abstract ones, sorted."""
    found = {path.stem for folder in folders for path in folder.glob("*.yaml")}
    return sorted(name for name in found if not read(name, folders)["abstract"])


def path_of(name: str, folders: Sequence[Path]) -> Path:
    """The file of a declaration. Raises BadInput where no folder has it, or several have."""
    found = [path for folder in folders if (path := folder / f"{name}.yaml").is_file()]
    if not found:
        raise BadInput(f"no {name}.yaml in {', '.join(map(str, folders))}")
    if len(found) > 1:
        raise BadInput(f"{found[1]}: there is a {found[0]} already; rename it")
    return found[0]


def read(name: str, folders: Sequence[Path]) -> dict[str, Any]:
    """A declaration with what it extends; all SECTIONS and `abstract` are there. Raises BadInput."""
    path = path_of(name, folders)
    own = _parsed(path)
    parent = own.get("extends")
    if parent == name:
        raise BadInput(f"{path}: extends itself")
    base = read(parent, folders) if parent else {}
    sections = {section: {**base.get(section, {}), **(own.get(section) or {})} for section in SECTIONS}
    return {**base, "abstract": False, **own, **sections}


def chain(name: str, folders: Sequence[Path]) -> list[Path]:
    """The files that make up a declaration: its own, and those that it extends."""
    path = path_of(name, folders)
    parent = _parsed(path).get("extends")
    return [path, *(chain(parent, folders) if parent else [])]


def read_by_programs(content: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a declaration that programs read: names, order and prefixes of settings, and the unit of progress.

    The rest (descriptions, bounds, defaults) is for the configuration; what it leads to stands in recipes.
    """
    sections = {
        section: [[key, setting.get("axis"), setting.get("short")] for key, setting in content[section].items()]
        for section in SECTIONS
    }
    return {**sections, "unit": content.get("unit", "")}


@functools.cache
def _parsed(path: Path) -> dict[str, Any]:
    """The content of a file, which nobody may change."""
    try:
        own = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(own, dict):
        raise BadInput(f"{path}: not a mapping of keys")
    return own


def check_keys(where: str, given: Mapping[str, Any], wanted: Sequence[str], of: str) -> None:
    """Raise BadInput where the keys given by hand are not those that are wanted.

    where  the place of the keys, for messages
    of     who wants them, for messages
    """
    takes = f"{of} takes {', '.join(wanted) or 'nothing ({})'}"
    for key in given:
        if key not in wanted:
            raise BadInput(f"{where}: has an unknown key {key} ({takes})")
    for key in wanted:
        if key not in given:
            raise BadInput(f"{where}: lacks {key} ({takes})")
