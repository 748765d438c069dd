"""CPU time of reading raw data, against plain programs that give the same arrays: python -m benchmarks.reading.

1. A grain graph in JSON (DeepSPPARKS; under RAW_DATA_ROOT or ../shared/data, left out without them), with all its
   checks; against Python's json, one full mask per grain, and boundary lengths from rolled images.
2. A SPPARKS run folder of 512 x 512 sites and 445 grains; against h5py, and boundary lengths from rolled images.
3. The manifest of many new files; against hashing alone. The second scan reads none of them.

Writes benchmarks/results.json.
"""

import argparse
import ast
import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from benchmarks import results
from benchmarks.comparison import figures, in_turn, raw_data_root, seconds
from benchmarks.features import full_mask, voronoi
from graincast.microstructure import CANDIDATE, LOW_MOBILITY
from graincast.raw import deepspparks, manifest, spparks
from graincast.raw.dream3d import FEATURE_IDS
from graincast.raw.sources import INITIAL, STATS, json_graphs
from graincast.raw.spparks_writing import write_initial, write_stats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=60, help="stored graphs to read")
    parser.add_argument("--files", type=int, default=4000, help="files of the manifest")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    found = {}
    root = raw_data_root() / "deepspparks-json"
    if root.is_dir():
        paths = json_graphs(root)[: args.graphs]
        times = in_turn(
            lambda: each(paths, lambda path: deepspparks.read(path, path.stem)),
            lambda: each(paths, plain_graph),
            args.repeats,
        )
        found["JSON of a graph of 30 grains"] = figures(*times, "json and full masks", scale=1e3 / len(paths))
    else:
        print(f"no DeepSPPARKS graphs in {root}: their figures are left out")
    with tempfile.TemporaryDirectory() as temporary:
        folder = run_folder(Path(temporary, "run"))
        ours, theirs = spparks.read(folder, "run"), plain_run(folder)
        assert np.array_equal(ours.edges, theirs[0]) and np.array_equal(ours.boundary_length, theirs[1])
        times = in_turn(lambda: spparks.read(folder, "run"), lambda: plain_run(folder), args.repeats)
        found["run folder of 445 grains, 512²"] = figures(*times, "h5py and rolled images")
        found[f"manifest of {args.files} new files"] = manifest_cost(Path(temporary), args.files, args.repeats)
    print(json.dumps(found, indent=2))
    results.write("reading", found, ["numpy", "numba", "h5py"])


def each(paths: list[Path], read: Callable[[Path], object]) -> None:
    """Read files one after the other and keep none, as rule graphs does."""
    for path in paths:
        read(path)


def plain_graph(path: Path) -> tuple[np.ndarray, np.ndarray, list]:
    """The label image, the unlike pairs, and the edges of a stored graph, unchecked."""
    graph = json.loads(path.read_text())
    nodes = sorted(graph["nodes"].items(), key=lambda item: int(item[0]))
    labels = np.zeros(np.shape(full_mask(nodes[0][1]["rle"])), np.int32)
    for i, (_, node) in enumerate(nodes):
        labels[full_mask(node["rle"])] = i + 1
    return labels, boundary_lengths(labels)[1], [ast.literal_eval(edge) for edge in graph["edges"]]


def plain_run(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The edges of a run folder, their boundary lengths, and the grains' areas in time, unchecked."""
    with h5py.File(folder / INITIAL) as file:
        labels = file[FEATURE_IDS][:].reshape(512, 512)
    with h5py.File(folder / STATS) as file:
        areas = file["grainsize"][:]
    return *boundary_lengths(labels), areas


def boundary_lengths(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges, both ways, and their numbers of unlike pairs of sites, from an image rolled to four neighbours."""
    pairs = []
    for shift in ((0, 1), (1, 0), (1, 1), (1, -1)):
        other = np.roll(labels, shift, (0, 1))
        unlike = (labels != other) & (labels > 0) & (other > 0)
        pairs += [np.stack(both, axis=1) for both in ((labels[unlike], other[unlike]), (other[unlike], labels[unlike]))]
    return np.unique(np.concatenate(pairs) - 1, axis=0, return_counts=True)


def run_folder(folder: Path) -> Path:
    """A run folder of a periodic Voronoi microstructure, with three records."""
    labels = voronoi(445, 512)
    areas = np.tile(np.bincount(labels.ravel()), (3, 1))
    for file in (folder / INITIAL, folder / STATS):
        file.parent.mkdir(parents=True, exist_ok=True)
    grain_type = np.where(np.arange(446) == 1, CANDIDATE, LOW_MOBILITY)
    write_initial(folder / INITIAL, labels, grain_type, 0.2)
    write_stats(folder / STATS, np.array([0.0, 1.0, 2.0]), areas)
    return folder


def manifest_cost(folder: Path, count: int, repeats: int) -> dict:
    """How long manifests take for new files of 20 kB, beside hashing them alone, and for the same files again."""
    raw = folder / "raw"
    raw.mkdir()
    rng = np.random.default_rng(0)
    paths = [raw / f"{i:05d}.json" for i in range(count)]
    for path in paths:
        path.write_bytes(rng.bytes(20_000))

    def scan(out: Path) -> float:
        return seconds(lambda: manifest.scan(raw, json_graphs, lambda run: [run], 64, out))

    def hashing() -> None:
        for path in paths:
            hashlib.sha256(path.read_bytes()).hexdigest()

    new, alone, again = [], [], []
    for turn in range(repeats):
        out = folder / f"manifests-{turn}"
        out.mkdir()
        new.append(scan(out))
        alone.append(seconds(hashing))
        again.append(scan(out))
    return {
        "CPU µs per file": results.spread([1e6 * value / count for value in new]),
        "CPU µs per file when scanned again": results.spread([1e6 * value / count for value in again]),
        "times the cost of hashing alone": results.spread([a / b for a, b in zip(new, alone, strict=True)]),
    }


if __name__ == "__main__":
    main()
