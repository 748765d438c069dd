"""The sources that a program runs, and digests of what they do.

A program's sources are itself and, by the import statements, all that it imports from this project and from
extensions. What cannot change a result does not count: docstrings and comments, the annotations of arguments, returns
and local variables, and the modules of NOT_COUNTED. Of a declaration, only what programs read counts
(files/declaration.py). A template counts as it stands. A source is a path below the project's folder or, in an
extension, an absolute one; extensions are given by their absolute folders.
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
from graincast.planning.table_entries import restricted
from graincast.program.extensions import place

PACKAGES = ("graincast", "scripts")
NOT_COUNTED = (
    "graincast/files/digest.py",
    "graincast/program/cost.py",
    "graincast/program/progress.py",
    "graincast/program/recipe.py",
    "graincast/program/workflow.py",
)
"""Modules that show, measure, check or note how a step runs."""
TEMPLATES = (".html", ".css")
"""Endings of sources that count as they stand."""


def module(package: str, name: str) -> str:
    """The path of a module that programs load by name: a model, a method of encoding, a reader."""
    return f"graincast/{package}/{name}.py"


def of_path(project: Path, path: Path) -> str:
    """The source of a file of the library or of an extension."""
    own = path.is_relative_to(project / "graincast")
    return path.relative_to(project).as_posix() if own else str(place(path))


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


def digests(project: Path, sources: list[str], extensions: Sequence[Path] = ()) -> dict[str, str]:
    """The digest of each source file, by its name; names of an extension's files start with `extensions/`."""
    labels = {one: f"{'extensions/' * Path(one).is_absolute()}{name(one, extensions)}" for one in sources}
    return {label: _read(project, source, tuple(extensions)).digest for source, label in labels.items()}


def digest_of_entries(project: Path, source: str, entries: Sequence[str]) -> str:
    """The digest of a source file for a step that uses only some entries of its tables (see table_entries.py)."""
    content = (project / source).read_bytes()
    key = hashlib.sha256(content).hexdigest(), tuple(entries)
    if key not in _by_entries:
        _by_entries[key] = code_digest.digest(restricted(ast.parse(content, source), entries))
    return _by_entries[key]


def name(source: str, extensions: Sequence[Path] = ()) -> str:
    """A source's path from the folder where its top-level package lies: graincast/models/gat.py, my_ideas/sage.py."""
    for folder in extensions:
        if Path(source).is_relative_to(folder):
            return Path(source).relative_to(folder.parent).as_posix()
    return source


def packages(project: Path, sources: Iterable[str], extensions: Sequence[Path] = ()) -> set[str]:
    """The top-level packages of others, without the standard library, that some source files import directly."""
    imported = set().union(*(_read(project, source, tuple(extensions)).packages for source in sources))
    own = {*PACKAGES, *(folder.name for folder in extensions)}
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
_by_entries: dict[tuple[str, tuple[str, ...]], str] = {}


class _Source:
    """What a source file holds: the digest of its code, and what it imports."""

    def __init__(self, project: Path, source: str, extensions: tuple[Path, ...]) -> None:
        content = (project / source).read_bytes()
        key = hashlib.sha256(content).hexdigest()
        if key not in _parsed:
            _parsed[key] = _parse(content, source)
        package = Path(name(source, extensions)).parts[:-1]
        modules = [_absolute(module, package) for module in _parsed[key]["modules"]]
        self.packages = {module.partition(".")[0] for module in modules}
        found = (_files(project, module) | _extension_files(extensions, module) for module in modules)
        self.files = sorted(set().union(*found))
        self.digest: str = _parsed[key]["digest"]


def _parse(content: bytes, source: str) -> dict:
    if source.endswith(".yaml"):
        return {"digest": _declaration_digest(content, source), "modules": []}
    if source.endswith(TEMPLATES):
        return {"digest": hashlib.sha256(content).hexdigest()[:16], "modules": []}
    try:
        tree = ast.parse(content, source)
    except SyntaxError as error:
        raise BadInput(f"{source}: line {error.lineno}: {error.msg}") from None
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (f"{node.module}." if node.module else "")
            modules.update(f"{start}{alias.name}" for alias in node.names)
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


def _absolute(module: str, package: Sequence[str]) -> str:
    """The dotted name that a module of a package imports; one that starts with dots is relative to the package."""
    relative = module.lstrip(".")
    level = len(module) - len(relative)
    return ".".join([*package[: len(package) - level + 1], relative]) if level else module


def _extension_files(extensions: tuple[Path, ...], module: str) -> set[str]:
    """The extension's files that importing a dotted name runs; the __init__ of the extension itself is not run."""
    return {
        str(folder.parent / path)
        for folder in extensions
        if folder.name == module.partition(".")[0]
        for path in _imported(folder.parent, module) - {f"{folder.name}/__init__.py"}
    }


def _files(project: Path, module: str) -> set[str]:
    """The project's files that importing a dotted name runs."""
    return _imported(project, module) if module.partition(".")[0] in PACKAGES else set()


def _imported(root: Path, module: str) -> set[str]:
    """The files below a folder that importing a dotted name runs: the module, and the __init__ of packages above it."""
    parts = module.split(".")
    stems = [Path(*parts[:length]) for length in range(1, len(parts) + 1)]
    candidates = [stem / "__init__.py" for stem in stems] + [stem.with_suffix(".py") for stem in stems]
    return {path.as_posix() for path in candidates if (root / path).is_file()}
