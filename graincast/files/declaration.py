"""Declarations: YAML files that say, beside a module, which settings it takes.

A declaration has scalars and lists, which are the reader's to interpret, and sections: mappings of settings. A setting
is a fragment of JSON Schema with a description and a default. `extends` names another declaration, in the same folder
or among those of the project, whose entries are taken over; own ones replace them, and sections are merged.
`abstract: true` marks one that only others extend.
"""

import functools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from graincast.microstructure import BadInput

SECTIONS = ("grid", "training", "settings")
REQUIRED = ("description", "default")
"""Entries that each setting has."""


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
    merged: dict[str, Any] = {"abstract": False, **{section: {} for section in SECTIONS}}
    for path in reversed(chain(name, folders)):
        own = _parsed(path)
        sections = {section: {**merged[section], **_section(own, section, path)} for section in SECTIONS}
        merged = {**merged, "abstract": False, **own, **sections}
    return merged


def chain(name: str, folders: Sequence[Path]) -> list[Path]:
    """The files that make up a declaration: its own, and those that it extends. Raises BadInput for a cycle."""
    found = [path_of(name, folders)]
    while following := _parsed(found[-1]).get("extends"):
        try:
            path = path_of(following, folders)
        except BadInput as error:
            raise BadInput(f"{found[-1]}: extends: {error}") from None
        if path in found:
            raise BadInput(f"{path}: extends itself ({' → '.join(one.stem for one in [*found, path])})")
        found.append(path)
    return found


def _section(own: Mapping[str, Any], section: str, path: Path) -> dict[str, dict]:
    """The settings of a section. Raises BadInput where it is malformed."""
    settings = own.get(section) or {}
    if not isinstance(settings, dict):
        raise BadInput(f"{path}: {section}: not a mapping of settings")
    for key, setting in settings.items():
        lacking = [entry for entry in REQUIRED if not isinstance(setting, dict) or entry not in setting]
        if lacking:
            raise BadInput(f"{path}: {section}.{key}: lacks {' and '.join(lacking)}")
    return settings


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


def check_keys(
    where: str, given: Mapping[str, Any], wanted: Sequence[str], of: str, optional: Collection[str] = ()
) -> None:
    """Raise BadInput where the keys given by hand are not those that are wanted.

    where     the place of the keys, for messages
    of        who wants them, for messages
    optional  those of the wanted that may be missing
    """
    takes = f"({of} takes {', '.join(wanted) or 'nothing'})"
    unknown = [key for key in given if key not in wanted]
    missing = [key for key in wanted if key not in given and key not in optional]
    if unknown:
        raise BadInput(f"{where}: has an unknown key {unknown[0]} {takes}")
    if missing:
        raise BadInput(f"{where}: lacks {', '.join(missing)} {takes}")
