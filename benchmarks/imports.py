"""What each program imports before it works, and what that costs: python -m benchmarks.imports.

CPU time of a new process that imports the program and does nothing, as a multiple of Python's own start. Models,
readers and encoders are imported by name when a job needs them: `train` is measured with some of the models.
"""

import argparse
import json
import resource
import subprocess
import sys
from pathlib import Path

from benchmarks import results

LARGE = ("numpy", "numba", "scipy", "sklearn", "matplotlib", "torch", "torch_geometric", "mlflow", "optuna", "pandas")
MODELS = ("logistic", "boosted_trees", "sgc", "sign", "gat", "svm", "stack")
ROOT = Path(__file__).parents[1]


def programs() -> dict[str, str]:
    """What to import for each program."""
    statements = {path.stem: f"import scripts.{path.stem}" for path in sorted((ROOT / "scripts").glob("[a-z]*.py"))}
    for model in MODELS:
        load = f"from graincast.models import by_name; by_name.load({model!r})"
        statements[f"train with {model}"] = f"import scripts.train; {load}"
    return statements


def imported(statement: str) -> dict:
    """The number of modules that a statement imports, and which of the large libraries."""
    report = f"import sys, json; print(json.dumps([len(sys.modules), [x for x in {LARGE!r} if x in sys.modules]]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}; {report}"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    modules, large = json.loads(done.stdout)
    return {"modules": modules, "large libraries": ", ".join(large)}


def cpu_seconds(statement: str) -> float:
    """CPU time of a process that runs a statement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    found = {}
    for name, statement in programs().items():
        about = imported(statement)  # and fills the page cache
        pairs = [(cpu_seconds(statement), cpu_seconds("pass")) for _ in range(repeats)]
        found[name] = {
            "CPU s": results.spread([own for own, _ in pairs]),
            "times Python's start": results.spread([own / bare for own, bare in pairs]),
            **about,
        }
        print(f"{name:<24}{found[name]['CPU s']['median']:>7.2f} s  {about['modules']:>5} {about['large libraries']}")
    results.write("imports", found, ["numpy", "torch", "mlflow"])


if __name__ == "__main__":
    main()
