"""What each folder may import, and what each program may load."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "graincast").rglob("*.py"))
SCRIPTS = sorted(f"scripts/{path.name}" for path in (ROOT / "scripts").glob("[!_]*.py"))
OWN = ("graincast", "scripts")
TRACKING = {path for path in LIBRARY if path.startswith("graincast/tracking/")}

# From the ground up: what stands on a line imports the lines above it, and nothing else of the library.
ORDER = [
    {"microstructure"},
    {"files"},
    {"program"},
    {"graphs"},
    {"raw"},
    {"potts"},
    {"features"},
    {"experiment"},
    {"planning"},
    {"vision", "training"},
    {"encoders"},  # an autoencoder is trained by the loop of training
    {"models"},
    {"evaluation"},
    {"figures", "prediction"},
    {"tracking"},
    {"configuration"},
    {"command"},
    {"__main__"},
]
# Packages of others that a folder must not import, not even through others.
BARRED = {
    "files": {"torch", "mlflow", "sklearn", "matplotlib", "pandas"},
    "program": {"torch", "mlflow", "sklearn", "matplotlib", "pandas"},
    "graphs": {"torch", "mlflow"},
    "raw": {"torch", "mlflow"},
    "potts": {"torch", "mlflow"},
    "features": {"torch", "mlflow"},
    "experiment": {"mlflow"},
    "planning": {"torch", "mlflow"},
    "vision": {"mlflow"},
    "training": {"mlflow"},
    "encoders": {"mlflow"},
    "models": {"mlflow", "matplotlib"},
    "evaluation": {"mlflow"},
    "figures": {"mlflow"},
    "configuration": {"torch", "mlflow"},
}

# What each program may load. Whoever adds a program says so here.
LIGHT = [
    "check_rejected",
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
    assert "graincast/files/name_hash.py" in closure("scripts/split.py")
    assert "graincast/features/__init__.py" in closure("scripts/features.py")
    assert "h5py" in loaded("scripts/split.py")
    assert "mlflow" in loaded("scripts/track.py")


def test_every_file_of_the_library_says_what_it_is():
    for path in [*LIBRARY, *SCRIPTS]:
        assert ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))), path


def place(path: str) -> str:
    """The folder of the library that a file belongs to, or its own name where it lies beside them."""
    return Path(path).parts[1].removesuffix(".py")


RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}


def test_the_order_names_every_folder():
    assert set(RANK) == {place(path) for path in LIBRARY} - {"__init__"}


@pytest.mark.parametrize("path", [path for path in LIBRARY if path != "graincast/__init__.py"])
def test_imports_never_run_upwards(path):
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "graincast" and len(parts) > 1 and parts[1] in RANK and parts[1] != place(path):
            assert RANK[parts[1]] < RANK[place(path)], f"{path} imports {name}"


@pytest.mark.parametrize("folder", BARRED)
def test_a_folder_does_without(folder):
    for path in LIBRARY:
        if place(path) == folder:
            assert not loaded(path) & BARRED[folder], path


@pytest.mark.parametrize("path", LIBRARY)
def test_the_library_knows_neither_snakemake_nor_the_programs(path):
    assert not packages(path) & {"snakemake", "scripts", "tools"}


def test_a_folder_s_init_is_one_docstring():
    for path in LIBRARY:
        if path.endswith("/__init__.py"):
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            assert ast.get_docstring(tree) and len(tree.body) == 1, path


def test_mlflow_is_known_to_tracking_and_to_what_it_serves_alone():
    served = {"graincast/prediction/pyfunc.py"}
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
    assert not closure(f"scripts/{name}.py") & TRACKING


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
