"""Peak memory of the steps from grain graphs to test results, at several sizes: python -m benchmarks.memory.

Made-up whole maps of 445 grains (about 2,700 directed edges), in shards of 200 graphs. Each step is the program that
the workflow runs, in a process of its own, looked at every few milliseconds. What is measured is anonymous memory, all
that is not a page of a file: a file's pages, such as those of the mapped feature table, can be given up at any time, so
they fit any limit. A line through the sizes is extrapolated to 100,000 graphs. Up to MOST_READ graphs are also written
as JSON files, made graphs again in one job, and predicted in one call.

Needs about 0.2 GB of disk per 1,000 graphs of the largest size.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks import results
from benchmarks.features import voronoi
from graincast.experiment import declaration, splits
from graincast.files.atomic import write_text
from graincast.graphs import shards
from graincast.graphs.boundaries import adjacency
from graincast.microstructure import Microstructure
from graincast.raw import manifest
from graincast.raw.deepspparks_writing import write_folder
from graincast.raw.sources import json_graphs

ROOT = Path(__file__).parents[1]
GRAINS, SITES, IN_SHARD, FAR = 445, 112, 200, 100_000
COLUMNS = ["type", "degree", "area", "perimeter", "equivalent_diameter", "major_axis_length", "minor_axis_length"]
RATES = {"learning_rate": [0.01], "weight_decay": [0.0], "seed": [0]}
SHORT = {"iterations": 20, "epochs": 1, "hidden": 8, "heads": 2}
"""Settings that bear on time alone, or on what a batch needs, made small."""
TRAINED = {
    "sgc": ("sgc", "candidate", {"threshold": [10.0], "propagation_steps": [1, 2], **RATES}),
    "logistic": (
        "logistic",
        "candidate",
        {"threshold": [10.0], "propagation_steps": [2], "transform": ["log"], "c": [1.0]},
    ),
    "gat": ("gat", "candidate", {"threshold": [10.0], **RATES}),
    "gat, all grains": ("gat", "all", {"threshold": [10.0], **RATES}),
}
MOST_LEARNED = 1500
"""Graphs of which all grains are learned: more take minutes."""
MOST_READ = 1500
"""Graphs that are read from files, and predicted."""
EVALUATED = ("sgc", "logistic", "gat")
EDGES = ["boundary_length"]
READING = {"source": "deepspparks-json"}


def microstructures(
    names: list[str], grains: int = GRAINS, sites: int = SITES, kinds: int = 4
) -> Iterator[Microstructure]:
    """A map turned a few ways, with a candidate and a growth run of its own for each name, a number."""
    maps = []
    for turns in range(kinds):
        labels = np.ascontiguousarray(np.rot90(voronoi(grains, sites), turns))
        n = int(labels.max())
        maps.append((labels, n, *adjacency(labels, n)))
    for name in names:
        rng = np.random.default_rng(int(name))
        labels, n, edges, boundary_length = maps[int(name) % kinds]
        candidate = np.arange(n) == rng.integers(n)
        area = np.bincount(labels.ravel(), minlength=n + 1)[1:].astype(np.int32)
        yield Microstructure(
            name=name,
            group=name,
            labels=labels.copy(),
            grain_id=np.arange(1, n + 1, dtype=np.int32),
            grain_type=np.where(candidate, 0, rng.integers(1, 3, n)).astype(np.int8),
            candidate=candidate,
            edges=edges,
            boundary_length=boundary_length,
            degree=np.bincount(edges[:, 0], minlength=n).astype(np.int32),
            runs=["1"],
            times=[np.array([0.0, 1e5])],
            areas=[np.stack([area, candidate * area.sum() if rng.random() < 0.5 else area]).astype(np.int32)],
        )


def peak(program: str, *arguments: object) -> float:
    """The largest anonymous memory, MiB, of a program of `scripts`."""
    command = [sys.executable, "-m", f"scripts.{program}", *map(str, arguments)]
    process, most = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE), 0
    pages = Path(f"/proc/{process.pid}/statm")
    while process.poll() is None:
        numbers = pages.read_text().split()
        if len(numbers) > 2:
            most = max(most, int(numbers[1]) - int(numbers[2]))  # resident, less what is of files or shared
        time.sleep(0.004)
    if process.returncode:
        assert process.stderr
        sys.exit(process.stderr.read().decode())
    return most * 4096 / 2**20


def steps(folder: Path, size: int) -> Iterator[tuple[str, float]]:
    """Each step's name and peak memory at one size, as it is measured."""
    names = [f"{i:06d}" for i in range(size)]
    graphs = []
    for start in range(0, size, IN_SHARD):
        graphs.append(folder / f"graphs/{start}.h5")
        shards.write(graphs[-1], microstructures(names[start : start + IN_SHARD]))
    features, split = folder / "made-up/features/plain.h5", folder / "split.csv"
    splits.write(split, names, splits.fractions(names, 0.2, 0.2, 0))

    def recipe(**parameters: object) -> Path:
        write_text(folder / "recipe.json", json.dumps({"parameters": parameters}))
        return folder / "recipe.json"

    made = recipe(nodes=COLUMNS, edges=EDGES)
    yield (
        "features",
        peak("features", "--recipe", made, "--name", "made-up/plain", "--graphs", *graphs, "--out", features),
    )
    for name, (model, grains, grid) in TRAINED.items():
        if grains == "all" and size > MOST_LEARNED:
            continue
        out = folder / name.replace(" ", "-").replace(",", "")
        settings = {key: one["default"] for key, one in declaration.read(model).training.items()}
        settings |= {key: value for key, value in SHORT.items() if key in settings}
        given = recipe(model=model, target={"grains": grains}, grid=grid, training=settings)
        read = ["--features", features, "--split", split]
        device = ["--device", "cpu"]
        yield f"train {name}", peak("train", "--recipe", given, "--name", f"{name}/all", *read, *device, "--out", out)
        if name in EVALUATED:
            inputs = ["--trained", out / "trained.json", "--validation", out / "validation.h5"]
            yield f"measure {name}", peak("measure", "--recipe", recipe(), *inputs, "--out", out / "trials.json")
            given = recipe(
                model=model, select="nll", raw={"hops": None, "nodes": COLUMNS, "edges": EDGES, "reading": READING}
            )
            tested = ["--trials", out, *read, "--out", folder / f"tested-{name}"]
            yield f"evaluate {name}", peak("evaluate", "--recipe", given, *tested)
    if size <= MOST_READ:
        raw, manifests = folder / "raw", folder / "manifests"
        write_folder(raw, microstructures(names))
        manifest.scan(raw, json_graphs, lambda path: [path], 1, manifests)
        inputs = ["--manifest", manifests / "0000.json", "--root", raw, "--name", "made-up/0000"]
        outputs = ["--out", folder / "read.h5", "--rejected", folder / "rejected.csv"]
        yield "graphs", peak("graphs", "--recipe", recipe(**READING), *inputs, *outputs)
        given, model_file = recipe(reading=READING), folder / "tested-sgc/model.h5"
        out = folder / "predictions"
        yield "predict", peak("predict", "--recipe", given, "--model", model_file, "--data", raw, "--out", out)


def extrapolated(sizes: list[int], values: list[float], size: int = FAR) -> dict:
    """MiB at the sizes, KiB that each further graph takes, GiB at a larger size, and how straight the line is.

    A line that falls, which is noise, counts as level.
    """
    slope, start = np.polyfit(sizes, values, 1)
    if slope < 0:
        slope, start = 0.0, np.mean(values)
    line = start + slope * np.array(sizes)
    return {
        **{f"{n} graphs, MiB": round(value) for n, value in zip(sizes, values, strict=True)},
        "KiB per graph": round(1024 * slope, 2),
        f"{size} graphs, GiB": round((start + slope * size) / 1024, 2),
        "largest deviation from the line, MiB": round(float(np.abs(line - values).max()), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 1000, 1500, 4000], help="ascending")
    parser.add_argument("--work", type=Path, help="folder for the made-up data, by default that for temporary files")
    args = parser.parse_args()
    measured: dict[str, list[float]] = {}
    bytes_per_graph = 0.0
    for size in args.sizes:
        with tempfile.TemporaryDirectory(dir=args.work) as folder:
            for name, memory in steps(Path(folder), size):
                measured.setdefault(name, []).append(memory)
                print(f"{size} graphs, {name}: {memory:.0f} MiB", flush=True)
            bytes_per_graph = (Path(folder) / "made-up/features/plain.h5").stat().st_size / size
    found: dict = {name: extrapolated(args.sizes[: len(values)], values) for name, values in measured.items()}
    found["feature table, kB per graph"] = round(bytes_per_graph / 1000, 1)
    print(json.dumps(found, indent=2))
    results.write("memory", found, ["numpy", "torch", "h5py"])


if __name__ == "__main__":
    main()
