"""What planning and preprocessing a data set of the published size cost: python -m benchmarks.published_size.

Made-up raw runs as real files of unique content: DeepSPPARKS JSON graphs of about 30 grains, and SPPARKS run folders
(three records each) of the same maps. For each number of runs the workflow is planned twice, each time a dry run of
Snakemake: the first hashes all raw files, and the second compares sizes and times. Then graphs and features are made
for real. CPU time is that of all processes together; memory is the largest of any process.

    python -m benchmarks.published_size --runs 1000 4000 27588 --planned --shards 64     hours

Needs about 20 kB of disk per run.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import results
from benchmarks.memory import microstructures
from graincast.files.atomic import write_text
from graincast.raw.deepspparks_writing import write_folder
from graincast.raw.sources import INITIAL, STATS
from graincast.raw.spparks_writing import write_initial, write_stats

ROOT = Path(__file__).parents[1]
GRAINS, SITES, SHARDS = 30, 64, 64
TIMES = np.array([0.0, 2000.0, 4e6])
CONFIG = """\
experiments: [one]
datasets:
  raw: {{source: {source}, path: {path}, shards: {shards}}}
splits: {{held-out: {{method: fractions}}}}
feature_sets: {{plain: [type, degree, area, perimeter]}}
"""
EXPERIMENT = "dataset: raw\nsplit: held-out\nfeatures: plain\nmodel: sgc\ntarget: {threshold: [10]}\n"
TARGET = "results/datasets/raw/features/plain.h5"


def write_graphs(folder: Path, count: int) -> None:
    """JSON graphs that differ in the path that they name."""
    (one,) = microstructures(["000000"], GRAINS, SITES, 1)
    write_folder(folder / "one", [one])
    text = (folder / "one/000000.json").read_text(encoding="utf-8")
    (folder / "raw").mkdir()
    for i in range(count):
        (folder / f"raw/{i:06d}.json").write_text(text.replace('"000000"', f'"run {i:06d}"'), encoding="utf-8")


def write_runs(folder: Path, count: int) -> None:
    """Run folders that differ in their areas."""
    (one,) = microstructures(["000000"], GRAINS, SITES, 1)
    write_initial(folder / "initial", one.labels, np.concatenate([[0], one.grain_type]), 0.2)
    initial = (folder / "initial").read_bytes()
    areas = np.concatenate([[0], np.bincount(one.labels.ravel())[1:]])
    for i in range(count):
        run = folder / f"raw/{i:06d}"
        for path in (run / INITIAL, run / STATS):
            path.parent.mkdir(parents=True, exist_ok=True)
        (run / INITIAL).write_bytes(initial)
        last = np.zeros_like(areas)
        last[1:4] = i % 1000, i // 1000, areas.sum() - i % 1000 - i // 1000
        write_stats(run / STATS, TIMES, np.stack([areas, areas, last]))


SOURCES: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "JSON": ("deepspparks-json", write_graphs),
    "SPPARKS": ("spparks", write_runs),
}


def snakemake(folder: Path, *arguments: str) -> tuple[str, float, float]:
    """What Snakemake prints, the CPU time of all processes, and the largest memory of one, MiB."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder]
    command += ["--workflow-profile", ROOT / "profiles/default", "--cores", "1"]
    command += ["--configfile", folder / "config/config.yaml", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    report = "import resource as r, subprocess as s, sys; code = s.run(sys.argv[1:]).returncode;"
    report += "u = r.getrusage(r.RUSAGE_CHILDREN); print('used', u.ru_utime + u.ru_stime, u.ru_maxrss); sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", report, *map(str, command)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        sys.exit(done.stdout)
    used = re.findall(r"^used ([0-9.]+) ([0-9]+)$", done.stdout, re.MULTILINE)[-1]
    return done.stdout, float(used[0]), int(used[1]) / 1024


def measured(kind: str, runs: int, shards: int, made: bool) -> dict:
    """The costs at one number of runs; of planning alone unless `made`."""
    source, write = SOURCES[kind]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, runs)
        write_text(folder / "config/config.yaml", CONFIG.format(source=source, path=folder / "raw", shards=shards))
        write_text(folder / "config/experiments/one.yaml", EXPERIMENT)
        _, first, _ = snakemake(folder, "--dry-run", "--quiet", "rules")
        text, again, memory = snakemake(folder, "--dry-run", "--quiet", "rules")
        jobs = re.findall(r"^total +(\d+)$", text, re.MULTILINE)
        found = {
            "first plan, CPU s": round(first, 1),
            "second plan, CPU s": round(again, 1),
            "plan, MiB": round(memory),
            "jobs": int(jobs[-1]),
        }
        if made:
            _, cpu, memory = snakemake(folder, "--quiet", "all", "--", TARGET)
            files = [path for path in (folder / "results").rglob("*") if path.is_file()]
            found |= {
                "preprocessing, CPU s": round(cpu - again, 1),
                "largest process, MiB": round(memory),
                "kB of results per run": round(sum(path.stat().st_size for path in files) / runs / 1000, 2),
                "files of results": len(files),
            }
    return found


def costs(kind: str, made: list[int], planned: list[int], shards: int) -> dict:
    """The costs of one kind of raw data at all numbers of runs, and a line through those of preprocessing."""
    found: dict = {}
    for runs in made:
        found[f"{kind}, {runs} runs"] = measured(kind, runs, shards, True)
    for runs in planned:
        found[f"{kind}, {runs} runs"] = measured(kind, runs, SHARDS, False)
    seconds = [found[f"{kind}, {runs} runs"]["preprocessing, CPU s"] for runs in made]
    slope, start = np.polyfit(made, seconds, 1)
    deviation = float(np.abs(start + slope * np.array(made) - seconds).max())
    found[f"{kind}, each further run"] = {
        "preprocessing, CPU ms": round(1000 * slope, 2),
        "preprocessing, CPU s of none": round(start, 1),
        "largest deviation from the line, CPU s": round(deviation, 1),
    }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, nargs="+", default=[300, 600, 1200], help="numbers of runs to preprocess")
    parser.add_argument("--planned", type=int, nargs="*", default=[27588], help="numbers of runs to plan only")
    parser.add_argument("--shards", type=int, default=4, help="of runs to preprocess")
    args = parser.parse_args()
    found: dict = {}
    for kind in SOURCES:
        found |= costs(kind, args.runs, args.planned, args.shards)
    print(json.dumps(found, indent=2))
    results.write("published_size", found, ["snakemake", "numpy", "h5py"])


if __name__ == "__main__":
    main()
