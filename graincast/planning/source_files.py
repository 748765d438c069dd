"""Which source files a program runs: itself and, by the import statements, what it imports, to the end.

They are inputs of the rule that runs the program, so that an edit makes just that rule's outputs stale.
"""

import ast
import functools
from pathlib import Path

PACKAGES = ("graincast", "scripts")


def module(package: str, name: str) -> str:
    """The path of a module that programs load by name: a model, or a method of encoding."""
    return f"graincast/{package}/{name}.py"


@functools.cache
def imported(project: Path, source: str) -> frozenset[str]:
    """The project's files that one source file imports, as paths below the project's folder."""
    tree = ast.parse((project / source).read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    found = set()
    for name in names:
        parts = name.split(".")
        if parts[0] in PACKAGES:
            stems = [Path(*parts[:length]) for length in range(1, len(parts) + 1)]
            candidates = [stem / "__init__.py" for stem in stems] + [stem.with_suffix(".py") for stem in stems]
            found.update(path.as_posix() for path in candidates if (project / path).is_file())
    return frozenset(found)


def closure(project: Path, *programs: str) -> list[str]:
    """All source files that these programs run, sorted."""
    found: set[str] = set()
    todo = list(programs)
    while todo:
        source = todo.pop()
        if source not in found:
            found.add(source)
            todo += imported(project, source)
    return sorted(found)
