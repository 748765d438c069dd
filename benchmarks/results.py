"""The file of measured figures, benchmarks/results.json: one entry per benchmark, with where it was measured."""

import importlib.metadata
import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from graincast.files.atomic import write_text
from graincast.planning.git_commit import commit
from graincast.program.cost import COMMIT, DIRTY

FILE = Path(__file__).with_name("results.json")


def write(benchmark: str, figures: Mapping, packages: Sequence[str], path: Path = FILE) -> None:
    """Put the figures of one benchmark into the file; the entries of others stay as they are.

    figures   whatever JSON can hold
    packages  distributions whose versions bear on the figures
    The commit ends with + where the working tree differed from it. Raises ValueError where the file is not a JSON
    object.
    """
    entries = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if not isinstance(entries, dict):
        raise ValueError(f"{path}: not a JSON object of benchmarks; remove it")
    entries[benchmark] = {
        "figures": figures,
        "measured": {
            "date": date.today().isoformat(),
            "commit": _commit(),
            "machine": machine(),
            "versions": {"python": platform.python_version()}
            | {package: importlib.metadata.version(package) for package in packages},
        },
    }
    write_text(path, json.dumps(dict(sorted(entries.items())), indent=2) + "\n")


def _commit() -> str:
    found = commit(Path(__file__).parents[1])
    return found.get(COMMIT, "") + ("+" if found.get(DIRTY) == "true" else "")


def machine() -> str:
    """Processor and architecture, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return " ".join([models[0] if models else platform.processor(), platform.machine()]).strip()


def spread(values: Sequence[float]) -> dict:
    """Median, lowest and highest of repeated measurements, to four significant digits."""
    rounded = [float(f"{value:.4g}") for value in (statistics.median(values), min(values), max(values))]
    return dict(zip(("median", "lowest", "highest"), rounded, strict=True)) | {"runs": len(values)}
