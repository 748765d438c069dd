"""Run configurations at two commits and compare their results: chosen trials, test metrics and predictions.

    python -m tools.compare_commits BASE HEAD --work FOLDER

Each commit runs in a clone of its own below FOLDER, with the current interpreter. Results that are there already are
kept, so an interrupted comparison resumes. Numbers may differ by a relative 1e-6; names that changed between the
commits are in RENAMED.
"""

import argparse
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from graincast.files import csv_table
from graincast.microstructure import BadInput
from graincast.program.main import parser, run

CONFIGS = ("config/config.yaml", "config/smoke/config.yaml", "config/deepspparks.yaml")
RENAMED = {
    "chosen_by_partition": "chosen_by_fold",
    "test_by_partition": "test_by_fold",
    "test_spread_over_partitions": "test_std_over_folds",
    "partition": "fold",
    "split": "subset",
    "label": "abnormal",
    "probability": "probability_abnormal",
    "predicted": "predicted_growth_ratio",
}
"""Keys of test_metrics.json and columns of predictions.csv: the former name, and the present one."""
SKIPPED = {"fingerprint"}
"""Keys of test_metrics.json that need not agree."""


def main(args: argparse.Namespace) -> None:
    for name, commit in (("base", args.base), ("head", args.head)):
        clone(commit, args.work / name)
        for config in args.configs:
            workflow(args.work / name, config)
    found = list(differences(args.work / "base", args.work / "head", args.tolerance))
    for difference in found:
        print(difference)
    if found:
        raise BadInput(f"{len(found)} differences between {args.base} and {args.head}")
    experiments = sorted(path.parent.name for path in args.work.glob("head/results/experiments/*/test_metrics.json"))
    print(f"{len(experiments)} experiments agree: {', '.join(experiments)}")


def clone(commit: str, to: Path) -> None:
    """A clone of this repository at a commit."""
    if not to.is_dir():
        subprocess.run(["git", "clone", "--quiet", ".", str(to)], check=True)
    subprocess.run(["git", "-C", str(to), "checkout", "--quiet", commit], check=True)


def workflow(folder: Path, config: str) -> None:
    """Run a configuration. Raises BadInput where it fails."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--quiet", "all", "--configfile", config]
    print(f"{folder}: {config}", flush=True)
    done = subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, check=False)
    if done.returncode:
        raise BadInput(f"{folder}: {config} ended with status {done.returncode}; see its messages above")


def differences(base: Path, head: Path, tolerance: float) -> Iterator[str]:
    """What differs between the experiments of two checkouts, one line each."""
    folders = [
        {path.parent.name for path in root.glob("results/experiments/*/test_metrics.json")} for root in (base, head)
    ]
    yield from (f"{name}: in one of both only" for name in sorted(folders[0] ^ folders[1]))
    for name in sorted(folders[0] & folders[1]):
        one, other = (root / "results" / "experiments" / name for root in (base, head))
        metrics = [json.loads((folder / "test_metrics.json").read_text(encoding="utf-8")) for folder in (one, other)]
        yield from unlike(metrics[0], metrics[1], f"{name}/test_metrics.json", tolerance)
        tables = [csv_table.records(folder / "predictions.csv") for folder in (one, other)]
        yield from unlike(tables[0], tables[1], f"{name}/predictions.csv", tolerance)


def unlike(one: object, other: object, where: str, tolerance: float) -> Iterator[str]:
    """Where two values differ, keys of the first renamed."""
    if isinstance(one, dict) and isinstance(other, dict):
        renamed: dict = {key if key in other else RENAMED.get(key, key): value for key, value in one.items()}
        yield from (f"{where}: {key} in one of both only" for key in sorted(renamed.keys() ^ other.keys()))
        for key in renamed.keys() & other.keys() - SKIPPED:
            yield from unlike(renamed[key], other[key], f"{where}: {key}", tolerance)
    elif isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            yield f"{where}: {len(one)} entries and {len(other)}"
            return
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from unlike(a, b, f"{where}: {i}", tolerance)
    elif not same(one, other, tolerance):
        yield f"{where}: {one} and {other}"


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two values are equal, as numbers where both are: also numbers written as text."""
    try:
        return math.isclose(float(one), float(other), rel_tol=tolerance, abs_tol=1e-9)
    except (TypeError, ValueError):
        return one == other


if __name__ == "__main__":
    p = parser("compare_commits", __doc__)
    p.add_argument("base", help="commit")
    p.add_argument("head", nargs="?", default="HEAD", help="commit (default: HEAD)")
    p.add_argument("--work", type=Path, required=True, help="folder for the clones and their results")
    p.add_argument("--configs", nargs="+", default=CONFIGS, help="configurations to run in both")
    p.add_argument("--tolerance", type=float, default=1e-6, help="largest relative difference of a number")
    run(main, p)
