"""Extensions: folders of a user's own models and features, used as packages of the folder's name."""

import argparse
import importlib
import importlib.machinery
import importlib.util
import keyword
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from graincast.microstructure import BadInput

FEATURES = "features"
"""The module of an extension that holds NODE_FEATURES and EDGE_FEATURES; it may be missing."""


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument --extensions."""
    help_text = "folders with models and features of your own"
    parser.add_argument("--extensions", type=Path, nargs="*", default=[], metavar="FOLDER", help=help_text)


def place(folder: Path) -> Path:
    """The absolute path of an extension; symbolic links keep their names, as these are the names of packages."""
    return Path(folder).absolute()


def package(folder: Path) -> str:
    """The name of the package that an extension becomes."""
    return place(folder).name


def install(folders: Sequence[Path]) -> None:
    """Make each folder importable as a package of its name. Raises BadInput where that name is taken, or no folder."""
    places = [place(folder) for folder in folders]
    for i, (folder, own) in enumerate(zip(folders, places, strict=True)):
        name = own.name
        if not own.is_dir():
            raise BadInput(f"extensions: no folder {folder}; correct the path")
        if not name.isidentifier() or keyword.iskeyword(name):
            raise BadInput(f"extensions: {folder}: a package cannot have this name; use letters, digits and _")
        if own in places[:i]:
            raise BadInput(f"extensions: {folder}: named twice; remove one")
        present = sys.modules.get(name)
        if present is not None and str(own) in getattr(present, "__path__", []):
            continue
        if present is not None or _importable(name):
            raise BadInput(f"extensions: {folder}: another package is called {name}; rename the folder")
        spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(own)]
        sys.modules[name] = importlib.util.module_from_spec(spec)


def module(folder: Path, name: str) -> ModuleType | None:
    """A module of an installed extension; None where it has none. Raises BadInput where it cannot be imported."""
    if not (folder / f"{name}.py").is_file():
        return None
    try:
        return importlib.import_module(f"{package(folder)}.{name}")
    except (Exception, SystemExit) as error:  # a user's code may raise anything
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise BadInput(f"{folder / name}.py: cannot be imported: {reason}") from None


def _importable(name: str) -> bool:
    """Whether a package or module of this name is found elsewhere; a plain folder of that name is none."""
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None
