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
PROJECT_PACKAGES = ("graincast", "scripts")
TRACKING = {path for path in LIBRARY if path.startswith("graincast/tracking/")}

# From the ground up: the folders of a line import those of the lines above, and nothing else of the library.
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
    {"figures"},
    {"report"},
    {"prediction"},
    {"explanation"},
    {"tracking"},
    {"configuration"},
    {"command"},
    {"__main__"},
]
# Third-party packages that a folder must not import, not even indirectly.
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
    "report": {"mlflow", "torch", "sklearn"},
    "explanation": {"mlflow"},
    "configuration": {"torch", "mlflow"},
}

HEAVY = {"torch", "torch_geometric", "mlflow", "matplotlib", "sklearn", "optuna"}
"""Packages that take long to load."""
MAY_LOAD = {
    "ceiling": {"matplotlib"},
    "comparison_figure": {"matplotlib"},
    "encoder_figures": {"matplotlib", "sklearn"},
    "figures": {"matplotlib"},
    "report": {"matplotlib"},
    "predict": {"matplotlib"},
    "evaluate": {"torch", "torch_geometric", "sklearn"},
    "stacked_features": {"torch", "torch_geometric", "sklearn"},
    "train": {"torch", "torch_geometric", "sklearn"},
    "members": {"torch", "torch_geometric", "sklearn"},
    "vision_features": {"torch", "torch_geometric", "sklearn"},
    "study": {"torch", "torch_geometric", "sklearn", "optuna"},
    "track": HEAVY - {"optuna"},
}
"""The heavy packages that a program may load; all other programs load none."""


@functools.cache
def imports(path: str) -> frozenset[str]:
    """All modules that a file imports anywhere in it, dotted."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def packages(path: str) -> set[str]:
    """The top-level packages that a file imports."""
    return {name.partition(".")[0] for name in imports(path)}


def closure(path: str) -> set[str]:
    """A file and all project files that it loads, including each package's __init__."""
    seen, waiting = set(), [path]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in imports(path):
            parts = name.split(".")
            if parts[0] in PROJECT_PACKAGES:
                stems = ["/".join(parts[: i + 1]) for i in range(len(parts))]
                files = [file for stem in stems for file in (f"{stem}.py", f"{stem}/__init__.py")]
                waiting += [file for file in files if (ROOT / file).is_file()]
    return seen


def loaded(path: str) -> set[str]:
    """The third-party packages that are loaded with a file, directly or not."""
    return set().union(*(packages(source) for source in closure(path))) - set(PROJECT_PACKAGES)


def test_the_closure_holds_indirect_imports():
    assert "graincast/files/name_hash.py" in closure("scripts/split.py")
    assert "graincast/features/__init__.py" in closure("scripts/features.py")
    assert "h5py" in loaded("scripts/split.py")
    assert "mlflow" in loaded("scripts/track.py")


def test_every_file_has_a_docstring():
    for path in [*LIBRARY, *SCRIPTS]:
        assert ast.get_docstring(ast.parse((ROOT / path).read_text(encoding="utf-8"))), path


def place(path: str) -> str:
    """The folder of the library that holds a file, or the file's name where it lies beside the folders."""
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
def test_a_folder_does_not_load_barred_packages(folder):
    for path in LIBRARY:
        if place(path) == folder:
            assert not loaded(path) & BARRED[folder], path


@pytest.mark.parametrize("path", LIBRARY)
def test_the_library_imports_neither_snakemake_nor_scripts(path):
    assert not packages(path) & {"snakemake", "scripts", "tools"}


def test_an_init_file_holds_a_docstring_only():
    for path in LIBRARY:
        if path.endswith("/__init__.py") and path != "graincast/__init__.py":
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            assert ast.get_docstring(tree) and len(tree.body) == 1, path


def test_only_tracking_and_served_models_import_mlflow():
    served = {"graincast/prediction/pyfunc.py"}
    assert {path for path in [*LIBRARY, *SCRIPTS] if "mlflow" in packages(path)} <= {*TRACKING, *served}
    for path in served:
        assert not packages(path) & set(PROJECT_PACKAGES), f"{path} is loaded where the project is not installed"


@pytest.mark.parametrize("path", SCRIPTS)
def test_a_program_loads_no_heavy_package_it_does_not_need(path):
    assert loaded(path) & HEAVY <= MAY_LOAD.get(Path(path).stem, set())


@pytest.mark.parametrize("name", ["evaluate", "members", "study", "train", "vision_features"])
def test_training_and_evaluation_do_not_import_tracking(name):
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
    command = [sys.executable, "-c", HELP, *modules]
    helped = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert helped.returncode == 0, helped.stderr
    assert helped.stdout.splitlines() == [*modules, "False"]  # the help of track does not load MLflow
