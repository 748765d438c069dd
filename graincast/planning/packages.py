"""The packages that bear on a step's numbers, with the versions that the lock files pin.

Reviewed by hand: a package that sources import stands in one of the two tables below, or a test fails. The version is
the pinned one, so that a container and a virtual environment, or a CPU and a CUDA build, make no difference.
"""

import contextlib
import functools
import importlib.metadata
import re
from collections.abc import Set
from pathlib import Path

from graincast.microstructure import BadInput

LOCKS = ("envs/requirements.lock", "envs/torch-cpu.lock")
"""Both builds of torch have the same version."""
BEARING = {
    "defdap": ("defdap",),
    "h5py": ("h5py",),
    "llvmlite": ("llvmlite",),
    "matplotlib": ("matplotlib",),
    "numba": ("numba", "llvmlite"),
    "numpy": ("numpy",),
    "optuna": ("optuna",),
    "PIL": ("pillow",),
    "scipy": ("scipy",),
    "sklearn": ("scikit-learn",),
    "torch": ("torch",),
    "torch_geometric": ("torch-geometric",),
}
"""The distributions whose versions count, by the package that sources import."""
IGNORED = {
    "jinja2": "lays out the report",
    "jsonschema": "checks the configuration",
    "markupsafe": "escapes text of the report",
    "mlflow": "receives copies of results",
    "pandas": "frames of served models",
    "threadpoolctl": "number of threads",
    "yaml": "reads the configuration",
}
"""Imported packages whose versions do not count, and what they are used for."""


@functools.cache
def pinned(project: Path) -> dict[str, str]:
    """The pinned version of each distribution in the lock files, by its normalised name."""
    lines = [line for lock in LOCKS for line in (project / lock).read_text(encoding="utf-8").splitlines()]
    pins = (re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)", line) for line in lines)
    return {re.sub(r"[-_.]+", "-", pin[1]).lower(): pin[2] for pin in pins if pin}


def versions(project: Path, imported: Set[str], by_extensions: Set[str] = frozenset()) -> dict[str, str]:
    """The versions that count for sources that import these packages, by distribution.

    by_extensions  packages that extensions import; of one that the tables lack, the installed version counts
    Raises BadInput for another package that is in neither table.
    """
    for package in sorted(imported - set(IGNORED) - set(BEARING)):
        raise BadInput(f"package {package}: imported, but in neither table of graincast/planning/packages.py; add it")
    counted = {name for package in (imported | by_extensions) & set(BEARING) for name in BEARING[package]}
    others = by_extensions - set(IGNORED) - set(BEARING)
    found = {name: pinned(project)[name] for name in counted}
    found |= {package: _installed(distribution(package)) for package in others}
    return dict(sorted(found.items()))


def distribution(package: str) -> str:
    """The installed distribution that has a package; "" for a package of none, such as a folder on PYTHONPATH."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # mostly the names are the same
        files = importlib.metadata.distribution(package).files or []
        if any(file.parts[0] == package for file in files):  # mlflow too, of which mlflow-skinny has a part
            return package
    return importlib.metadata.packages_distributions().get(package, [""])[0]  # reads the files of all distributions


def _installed(name: str) -> str:
    return importlib.metadata.version(name) if name else ""
