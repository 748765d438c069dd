"""What the design asks of every file: its length, and what it may import."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "graincast").rglob("*.py"))
SCRIPTS = sorted(f"scripts/{path.name}" for path in (ROOT / "scripts").glob("[!_]*.py"))
RULES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "rules").glob("*.smk"))
OWN = ("graincast", "scripts")
TRACKING = {path for path in LIBRARY if path.startswith("graincast/tracking/")}
LINES = 400

# What each program may load. Whoever adds a program says so here.
LIGHT = [
    "accept",
    "compare",
    "encode",
    "encoder",
    "export",
    "features",
    "graphs",
    "simulate",
    "split",
    "summarise",
    "where",
]
DRAWING = ["comparison_figure", "encoder_figures", "figures"]
TORCH = ["evaluate", "train", "vision_features"]
MLFLOW = ["track"]


@functools.cache
def imports(path: str) -> frozenset[str]:
    """All modules that a file imports anywhere in it, dotted."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


def packages(path: str) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.partition(".")[0] for name in imports(path)}


def closure(path: str) -> set[str]:
    """A file and all of the project's files that it loads, packages' __init__ included."""
    seen, todo = set(), [path]
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imports(path):
            parts = name.split(".")
            if parts[0] in OWN:
                stems = ["/".join(parts[: i + 1]) for i in range(len(parts))]
                files = [file for stem in stems for file in (f"{stem}.py", f"{stem}/__init__.py")]
                todo += [file for file in files if (ROOT / file).is_file()]
    return seen


def loaded(path: str) -> set[str]:
    """The packages of others that are loaded with a file, however indirectly."""
    return set().union(*(packages(one) for one in closure(path))) - set(OWN)


def test_the_walk_sees_indirect_imports():
    assert "graincast/name_hash.py" in closure("scripts/split.py")
    assert "graincast/features/__init__.py" in closure("scripts/features.py")
    assert "h5py" in loaded("scripts/split.py")
    assert "mlflow" in loaded("scripts/track.py")


@pytest.mark.parametrize("path", [*LIBRARY, *SCRIPTS, *RULES])
def test_files_stay_short(path):
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= LINES


def test_the_snakefile_stays_under_60_lines():
    assert len((ROOT / "Snakefile").read_text(encoding="utf-8").splitlines()) < 60


def test_no_file_is_named_after_nothing():
    stems = {Path(path).stem for path in [*LIBRARY, *SCRIPTS]}
    assert not stems & {"utils", "util", "helpers", "helper", "common", "misc", "tools"}


def test_every_file_of_the_library_says_what_it_is():
    for path in [*LIBRARY, *SCRIPTS]:
        assert ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))), path


@pytest.mark.parametrize("path", LIBRARY)
def test_the_library_knows_neither_snakemake_nor_the_programs(path):
    assert not packages(path) & {"snakemake", "scripts"}


def test_mlflow_is_known_to_tracking_and_to_what_it_serves_alone():
    served = {"graincast/models/served.py"}
    assert {path for path in [*LIBRARY, *SCRIPTS] if "mlflow" in packages(path)} <= {*TRACKING, *served}
    for path in served:
        assert not packages(path) & set(OWN), f"{path} is loaded where the project is not"


def test_every_program_is_in_one_of_the_lists():
    named = [f"scripts/{name}.py" for name in LIGHT + DRAWING + TORCH + MLFLOW]
    others = set(SCRIPTS) - set(named)
    assert len(named) == len(set(named)) and set(named) <= set(SCRIPTS)
    for path in others:  # programs that no rule runs
        assert not loaded(path) & {"torch", "torch_geometric", "mlflow"}, path


@pytest.mark.parametrize("name", LIGHT)
def test_light_programs_load_nothing_heavy(name):
    assert not loaded(f"scripts/{name}.py") & {"torch", "torch_geometric", "mlflow", "matplotlib", "sklearn"}


@pytest.mark.parametrize("name", DRAWING)
def test_drawing_programs_load_neither_torch_nor_mlflow(name):
    assert not loaded(f"scripts/{name}.py") & {"torch", "torch_geometric", "mlflow"}


@pytest.mark.parametrize("name", TORCH)
def test_training_does_not_depend_on_figures_or_tracking(name):
    assert not loaded(f"scripts/{name}.py") & {"mlflow", "matplotlib"}
    assert not closure(f"scripts/{name}.py") & {"graincast/figures.py", *TRACKING}


HELP = """
import contextlib, io, runpy, sys
for module in sys.argv[1:]:
    sys.argv = [module, "--help"]
    text, status = io.StringIO(), None
    with contextlib.redirect_stdout(text):
        try:
            runpy.run_module(module, run_name="__main__")
        except SystemExit as stop:
            status = stop.code
    assert status == 0, f"{module}: exit status {status}"
    assert f"usage: python -m {module} " in text.getvalue(), f"{module}: {text.getvalue()}"
    print(module)
print("mlflow" in sys.modules)
"""


def test_every_program_answers_help():
    modules = [path.removesuffix(".py").replace("/", ".") for path in SCRIPTS]
    done = subprocess.run([sys.executable, "-c", HELP, *modules], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [*modules, "False"]  # the help of track does not wait for MLflow
