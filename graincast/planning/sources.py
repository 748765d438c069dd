"""The sources that a program runs, and digests of what they do.

A program's sources are itself and, by the import statements, all that it imports from this project. What cannot change
a result does not count: docstrings and comments, the annotations of arguments, returns and local variables, and the
modules of NOT_COUNTED.
"""

import ast
import functools
import hashlib
import json
import sys
from pathlib import Path

from graincast.files.atomic import write_if_changed
from graincast.microstructure import BadInput
from graincast.planning import code_digest

PACKAGES = ("graincast", "scripts")
NOT_COUNTED = (
    "graincast/files/digest.py",
    "graincast/program/cost.py",
    "graincast/program/progress.py",
    "graincast/program/recipe.py",
)
"""Modules that show, measure, check or note how a step runs."""


def module(package: str, name: str) -> str:
    """The path of a module that programs load by name: a model, a method of encoding, a reader."""
    return f"graincast/{package}/{name}.py"


def closure(project: Path, *programs: str) -> list[str]:
    """All source files that these programs run, as sorted paths below the project's folder."""
    sources: set[str] = set()
    waiting = list(programs)
    while waiting:
        source = waiting.pop()
        if source not in sources:
            sources.add(source)
            waiting += _read(project, source).project_files
    return sorted(sources)


def counted(sources: list[str]) -> list[str]:
    """Those source files that can change a result."""
    return [source for source in sources if source not in NOT_COUNTED]


def digests(project: Path, sources: list[str]) -> dict[str, str]:
    """The digest of each source file."""
    return {source: _read(project, source).digest for source in sources}


def packages(project: Path, sources: list[str]) -> set[str]:
    """The top-level packages of others, without the standard library, that some source files import directly."""
    imported = set().union(*(_read(project, source).packages for source in sources))
    return imported - set(sys.stdlib_module_names) - set(PACKAGES)


def recall(path: Path) -> None:
    """Take over what an earlier process kept of its parses; a damaged or outdated file is ignored."""
    try:
        kept = json.loads(path.read_bytes())
        if kept["by"] == _OWN:
            _parsed.update(kept["parsed"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a memory only


def keep(path: Path) -> None:
    """Keep what this process parsed, so that the next one parses only what was edited since."""
    write_if_changed(path, json.dumps({"by": _OWN, "parsed": _parsed}))


_OWN = hashlib.sha256(Path(code_digest.__file__).read_bytes() + Path(__file__).read_bytes()).hexdigest()
_parsed: dict[str, dict] = {}
"""The digest of the code and the imported modules of each source text, by the SHA-256 of the text."""


class _Source:
    """What a source file holds: the digest of its code, and what it imports."""

    def __init__(self, project: Path, source: str) -> None:
        content = (project / source).read_bytes()
        key = hashlib.sha256(content).hexdigest()
        if key not in _parsed:
            _parsed[key] = _parse(content, source)
        modules = _parsed[key]["modules"]
        self.packages = {name.partition(".")[0] for name in modules}
        self.project_files = sorted(set().union(*(_files(project, name) for name in modules)))
        self.digest: str = _parsed[key]["digest"]


def _parse(content: bytes, source: str) -> dict:
    try:
        tree = ast.parse(content, source)
    except SyntaxError as error:
        raise BadInput(f"{source}: line {error.lineno}: {error.msg}") from None
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {"digest": code_digest.digest(tree), "modules": sorted(modules)}


@functools.cache
def _read(project: Path, source: str) -> _Source:
    return _Source(project, source)


def _files(project: Path, name: str) -> set[str]:
    """The project's files that importing a dotted name runs: the module, and the __init__ of each package above."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return set()
    stems = [Path(*parts[:length]) for length in range(1, len(parts) + 1)]
    candidates = [stem / "__init__.py" for stem in stems] + [stem.with_suffix(".py") for stem in stems]
    return {path.as_posix() for path in candidates if (project / path).is_file()}
