"""Digests of source files, what a program's closure holds, and the packages whose versions count."""

import ast
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from graincast.configuration.schema import ENCODERS
from graincast.experiment import declaration as models
from graincast.files import declaration
from graincast.microstructure import BadInput
from graincast.planning import code_digest, packages, sources
from graincast.raw.sources import SOURCES

PROJECT = Path(__file__).parents[2]
SCRIPTS = sorted(f"scripts/{path.name}" for path in (PROJECT / "scripts").glob("[!_]*.py"))
MODELS = [sources.module("models", name) for name in models.names()]
METHODS = [sources.module("encoders", name) for name in declaration.names([ENCODERS])]
READERS = sorted({sources.module("raw", source.reader) for source in SOURCES.values() if source.reader})
BY_NAME = [*MODELS, *METHODS, *READERS]
"""Modules that programs load by name."""

PLAIN = """\
from dataclasses import dataclass

LIMIT = 3


@dataclass
class Grain:
    area: int
    name: str = "a"

    def grow(self, factor, *more, step=1):
        area = self.area * factor
        return area + step


async def read(path):
    total: int
    return f"{path!r:>{LIMIT}}"
"""
ANNOTATED = '''\
"""What the module holds."""
from dataclasses import dataclass

LIMIT: int = 3
"""The largest number of grains."""


@dataclass
class Grain:
    """A grain."""

    area: int  # in sites
    "The number of sites."
    name: str = "a"

    def grow(self, factor: float, *more: int, step: int = 1) -> float:
        """The grown area."""
        # a comment
        area: float = self.area * factor
        return area + step


async def read(path: str) -> str:
    """The path, quoted."""
    return f"{path!r:>{LIMIT}}"
'''
GOLDEN_TEXT = '''\
"""A module with syntax whose trees have changed between versions of Python."""

import numpy as np
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Record(Base, metaclass=Meta):
    """A record."""

    name: str
    values: list[int] = field(default_factory=list)


def total(first, /, *rest, scale=1.0, **options):
    """The scaled sum."""
    match options:
        case {"kind": "mean", **others} if others:
            return np.mean([first, *rest])
        case [1, 2.5, *_] | None:
            pass
    try:
        with open(first) as file, lock:
            text = u"a" + f"{scale:>{len(rest)}.2f}" + "\\N{GREEK SMALL LETTER MU}"
    except* ValueError as errors:
        raise RuntimeError from errors
    return lambda x=-1, *, y=...: (x if x else [i async for i in y], {*rest}, b"\\0", 1j, first[1:, ::2])
'''
GOLDEN_DIGEST = "235c31dcd5f03c18"
PRINT_DIGEST = """
import ast, importlib.util, sys
spec = importlib.util.spec_from_file_location("sources", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.digest(ast.parse(sys.stdin.read())))
"""


def digest(text: str) -> str:
    return code_digest.digest(ast.parse(text))


def interpreter(version: str) -> str | None:
    """A Python of this version on this machine."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    candidates = [sys.executable, *map(str, installed), shutil.which(f"python{version}")]
    for candidate in filter(None, candidates):
        command = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return candidate
    return None


# ---- Digests


def test_docstrings_comments_and_annotations_do_not_count():
    assert PLAIN != ANNOTATED
    assert digest(ANNOTATED) == digest(PLAIN)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("self.area * factor", "self.area / factor"),
        ("area: int\n", "area: float\n"),  # a dataclass field
        ("    area: int\n", ""),
        ("step=1", "step=2"),
        ('name: str = "a"', 'name: str = "b"'),
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = True"),
        ("@dataclass", "@dataclass()"),
        ("!r", "!s"),
        ("async def", "def"),
        ("*more, ", ""),
        ("return area", "yield area"),
    ],
)
def test_code_counts(before, after):
    assert PLAIN.count(before) == 1
    assert digest(PLAIN.replace(before, after)) != digest(PLAIN)


def test_a_text_that_is_used_counts():
    assert digest("def f():\n    return 'a'") != digest("def f():\n    return 'b'")
    assert digest("f('a')") != digest("f('b')")
    assert digest("def f():\n    'a'") == digest("def f():\n    'b'")


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_every_python_gives_the_same_digest(version):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    command = [python, "-c", PRINT_DIGEST, code_digest.__file__]
    done = subprocess.run(command, input=GOLDEN_TEXT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == GOLDEN_DIGEST


# ---- Closures


def test_a_closure_holds_what_a_program_imports_and_what_that_imports(tmp_path):
    files = {
        "scripts/run.py": "import graincast.a.b\nimport numpy\n",
        "graincast/__init__.py": "",
        "graincast/a/__init__.py": "",
        "graincast/a/b.py": "def f():\n    from graincast.c import value\n",
        "graincast/c.py": "import scipy.ndimage\nfrom graincast import d\nvalue = 1\n",
        "graincast/d.py": "from graincast import c\n",
        "graincast/e.py": "import torch\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    closure = sources.closure(tmp_path, "scripts/run.py")
    assert closure == sorted(set(files) - {"graincast/e.py"})
    assert sources.packages(tmp_path, closure) == {"numpy", "scipy"}


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("scripts/graphs.py", READERS),
        ("scripts/train.py", MODELS),
        ("scripts/train.py", ["graincast/evaluation/metrics.py"]),
        ("scripts/train.py", ["graincast/features/edges.py", "graincast/features/nodes.py"]),
        ("scripts/evaluate.py", ["graincast/features/edges.py", *READERS, *MODELS]),
        ("scripts/encoder.py", METHODS),
    ],
)
def test_modules_loaded_by_name_are_not_in_a_programs_closure(program, absent):
    closure = sources.closure(PROJECT, program)
    assert all((PROJECT / source).is_file() for source in absent)
    assert not set(closure) & set(absent)


def test_metrics_are_in_the_closure_of_measuring():
    assert "graincast/evaluation/metrics.py" in sources.closure(PROJECT, "scripts/measure.py")


def test_modules_that_note_how_a_step_runs_are_not_counted():
    closure = sources.closure(PROJECT, "scripts/train.py")
    assert all((PROJECT / source).is_file() for source in sources.NOT_COUNTED)
    assert set(sources.NOT_COUNTED) <= set(closure)
    assert set(sources.counted(closure)) == set(closure) - set(sources.NOT_COUNTED)


# ---- Packages


@pytest.mark.parametrize("program", [*SCRIPTS, *BY_NAME])
def test_every_imported_package_is_reviewed(program):
    imported = sources.packages(PROJECT, sources.closure(PROJECT, program))
    assert imported <= packages.BEARING.keys() | packages.IGNORED.keys()
    assert set(packages.versions(PROJECT, imported)) <= set(packages.pinned(PROJECT))


def test_a_package_is_either_counted_or_ignored():
    assert not packages.BEARING.keys() & packages.IGNORED.keys()
    assert all(importlib.util.find_spec(name) for name in [*packages.BEARING, *packages.IGNORED])


def test_every_distribution_that_counts_is_locked():
    locked = packages.pinned(PROJECT)
    assert {name for names in packages.BEARING.values() for name in names} <= locked.keys()


def test_versions_are_those_of_the_lock():
    locked = packages.pinned(PROJECT)
    assert packages.versions(PROJECT, {"torch"}) == {"torch": locked["torch"]}
    expected = {name: locked[name] for name in ("llvmlite", "numba", "pillow", "scikit-learn")}
    assert packages.versions(PROJECT, {"numba", "PIL", "sklearn", "mlflow"}) == expected
    assert packages.versions(PROJECT, {"yaml"}) == {}
    with pytest.raises(BadInput, match="in neither table"):
        packages.versions(PROJECT, {"tensorflow"})
