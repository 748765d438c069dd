"""Recipes for programs that tests run by hand."""

import json
from pathlib import Path

from graincast.program.recipe import Recipe


def recipe_file(path: Path, **parameters) -> Path:
    """A recipe file with these parameters, and nothing to check or note."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"parameters": parameters}))
    return path


def recipe(path: Path, **parameters) -> Recipe:
    """The recipe of a program that runs in this process."""
    return Recipe(recipe_file(path, **parameters))
