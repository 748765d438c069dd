"""The sources that a program runs, and digests of what they do.

A program's sources are itself and, by the import statements, all that it imports from this project and from
extensions. What cannot change a result does not count: docstrings and comments, the annotations of arguments, returns
and local variables, and the modules of NOT_COUNTED. Of a declaration, only what programs read counts
(files/declaration.py). A source is a path below the project's folder or, in an extension, an absolute one.
"""

import ast
import functools
import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from graincast.files import declaration
from graincast.files.atomic import write_if_changed
from graincast.microstructure import BadInput
from graincast.planning import code_digest

PACKAGES = ("graincast", "scripts")
NOT_COUNTED = (
    "graincast/files/digest.py",
    "graincast/program/cost.py",
    "graincast/program/progress.py",
    "graincast/program/recipe.py",
    "graincast/program/workflow.py",
)
"""Modules that show, measure, check or note how a step runs."""


def module(package: str, name: str) -> str:
    """The path of a module that programs load by name: a model, a method of encoding, a reader."""
    return f"graincast/{package}/{name}.py"


def closure(project: Path, *programs: str, extensions: Sequence[Path] = ()) -> list[str]:
    """All source files that these programs run, sorted."""
    sources: set[str] = set()
    waiting = list(programs)
    while waiting:
        source = waiting.pop()
        if source not in sources:
            sources.add(source)
            waiting += _read(project, source, tuple(extensions)).files
    return sorted(sources)


def counted(sources: list[str]) -> list[str]:
    """Those source files that can change a result."""
    return [source for source in sources if source not in NOT_COUNTED]


def digests(project: Path, sources: list[str]) -> dict[str, str]:
    """The digest of each source file; one of an extension goes by the names of folder and file."""
    return {_label(source): _read(project, source).digest for source in sources}


def packages(project: Path, sources: Iterable[str], extensions: Sequence[Path] = ()) -> set[str]:
    """The top-level packages of others, without the standard library, that some source files import directly."""
    imported = set().union(*(_read(project, source).packages for source in sources))
    own = {*PACKAGES, *(folder.resolve().name for folder in extensions)}
    return imported - set(sys.stdlib_module_names) - own


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


_OWN = hashlib.sha256(
    b"".join(Path(str(file)).read_bytes() for file in (code_digest.__file__, declaration.__file__, __file__))
).hexdigest()
_parsed: dict[str, dict] = {}
"""The digest of the code and the imported modules of each source text, by the SHA-256 of the text."""


class _Source:
    """What a source file holds: the digest of its code, and what it imports."""

    def __init__(self, project: Path, source: str, extensions: tuple[Path, ...]) -> None:
        content = (project / source).read_bytes()
        key = hashlib.sha256(content).hexdigest()
        if key not in _parsed:
            _parsed[key] = _parse(content, source)
        modules = _parsed[key]["modules"]
        self.packages = {name.partition(".")[0] for name in modules}
        found = (_files(project, name) | _extension_files(extensions, name) for name in modules)
        self.files = sorted(set().union(*found))
        self.digest: str = _parsed[key]["digest"]


def _parse(content: bytes, source: str) -> dict:
    if source.endswith(".yaml"):
        return {"digest": _declaration_digest(content, source), "modules": []}
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


def _declaration_digest(content: bytes, source: str) -> str:
    try:
        own = {section: {} for section in declaration.SECTIONS} | yaml.safe_load(content)
    except (yaml.YAMLError, TypeError):
        raise BadInput(f"{source}: not valid YAML") from None
    return hashlib.sha256(json.dumps(declaration.read_by_programs(own)).encode()).hexdigest()[:16]


@functools.cache
def _read(project: Path, source: str, extensions: tuple[Path, ...] = ()) -> _Source:
    return _Source(project, source, extensions)


def _label(source: str) -> str:
    path = Path(source)
    return f"extensions/{path.parent.name}/{path.name}" if path.is_absolute() else source


def _extension_files(extensions: tuple[Path, ...], name: str) -> set[str]:
    """The extension's file that importing a dotted name runs."""
    first, *below = name.split(".")
    folder = next((folder for folder in extensions if folder.resolve().name == first), None)
    if folder is None:
        return set()
    stems = [folder.resolve().joinpath(*below[:length]) for length in range(1, len(below) + 1)]
    return {str(path) for path in (stem.with_suffix(".py") for stem in stems) if path.is_file()}


def _files(project: Path, name: str) -> set[str]:
    """The project's files that importing a dotted name runs: the module, and the __init__ of each package above."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return set()
    stems = [Path(*parts[:length]) for length in range(1, len(parts) + 1)]
    candidates = [stem / "__init__.py" for stem in stems] + [stem.with_suffix(".py") for stem in stems]
    return {path.as_posix() for path in candidates if (project / path).is_file()}
