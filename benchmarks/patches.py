"""Patches per second, against one full mask per grain in NumPy, and a million patches through the incremental PCA.

1. Published grain graphs (DeepSPPARKS JSON, under RAW_DATA_ROOT), or synthetic ones: patches of all grains and of all
   boundaries, cut in bulk, and the same patches by rolling full masks; both are compared. CPU time of the process.
2. With --million N: N boundary patches of synthetic microstructures (512 x 512, 445 grains) through a PCA of 32
   components (`--limit-gib` bounds the address space of the process), with the peak memory along the way.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from benchmarks import results
from benchmarks.comparison import figures, in_turn, raw_data_root
from graincast.encoders import patches, pca
from graincast.encoders.stream import LabelRuns, Sample
from graincast.graphs.boundaries import adjacency
from graincast.graphs.label_runs import encode
from graincast.graphs.palette import PATCH_GREY, PATCH_RAISED
from graincast.raw import deepspparks
from graincast.raw.sources import json_graphs


def voronoi(seed: int, size: int = 512, grains: int = 445) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A periodic Voronoi microstructure: labels, grain types, boundaries."""
    rng = np.random.default_rng(seed)
    sites = np.stack(np.indices((size, size)), axis=-1).reshape(-1, 2)
    labels = cKDTree(rng.random((grains, 2)) * size, boxsize=size).query(sites)[1].reshape(size, size) + 1
    labels = labels.astype(np.int32)
    types = rng.integers(1, 3, grains).astype(np.int8)
    return labels, types, patches.undirected(adjacency(labels, grains)[0])[0]


def published(root: Path, count: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    paths = json_graphs(root)
    graphs = [deepspparks.read(path, path.stem) for path in paths[:: max(len(paths) // count, 1)]]
    return [(graph.labels, graph.grain_type, patches.undirected(graph.edges)[0]) for graph in graphs]


def centred(mask: np.ndarray, image: np.ndarray, window: int) -> np.ndarray:
    """A window of an image, centred on the circular mean of a mask."""
    for axis in (0, 1):
        size = mask.shape[axis]
        angle = 2 * np.pi * np.arange(size) / size
        mean = np.angle(mask.sum(axis=1 - axis) @ np.exp(1j * angle)) * size / (2 * np.pi)
        image = np.roll(image, window // 2 - int(np.floor(mean + 0.5 + 1e-9)), axis=axis)
    return image[:window, :window]


def grains_by_masks(labels: np.ndarray, types: np.ndarray) -> np.ndarray:
    stack = []
    for i in range(types.size):
        mask = labels == i + 1
        stack.append(centred(mask, np.where(mask, PATCH_GREY[types[i]], 0).astype(np.uint8), 96))
    return np.stack(stack)


def boundaries_by_masks(labels: np.ndarray, types: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    stack = []
    for pair in pairs:
        masks = [labels == i + 1 for i in pair]
        touching = (masks[0] & dilated(masks[1])) | (masks[1] & dilated(masks[0]))
        image = sum(np.where(mask, PATCH_GREY[types[i]], 0) for mask, i in zip(masks, pair, strict=True))
        stack.append(centred(touching, (image + PATCH_RAISED * touching).astype(np.uint8), 48))
    return np.stack(stack)


def dilated(mask: np.ndarray) -> np.ndarray:
    """A periodic mask, dilated by one site, diagonals included."""
    for axis in (0, 1):
        mask = mask | np.roll(mask, 1, axis) | np.roll(mask, -1, axis)
    return mask


def compare(microstructures: list[tuple], repeats: int) -> None:
    cases = (
        ("grain patches, 96²", patches.grains, grains_by_masks, 2),
        ("boundary patches, 48²", patches.boundaries, boundaries_by_masks, 3),
    )
    found = {}
    for case, fast, slow, arguments in cases:
        inputs = [arrays[:arguments] for arrays in microstructures]
        bulk = [fast(*arrays) for arrays in inputs]
        assert all(np.array_equal(a, slow(*arrays)) for a, arrays in zip(bulk, inputs, strict=True)), case
        times = in_turn(
            lambda: [fast(*arrays) for arrays in inputs],  # noqa: B023
            lambda: [slow(*arrays) for arrays in inputs],  # noqa: B023
            repeats,
        )
        found[case] = figures(*times, "full masks in NumPy", "CPU µs per patch", 1e6 / sum(map(len, bulk)))
    print(json.dumps(found, indent=2))
    results.write("patches", found, ["numpy", "numba"])


def million(count: int) -> None:
    """`count` boundary patches through the incremental PCA, with the peak memory along the way."""
    microstructures: list[LabelRuns] = []
    patched = 0
    while patched < count:
        labels, types, pairs = voronoi(len(microstructures))
        name = f"{len(microstructures):05d}"
        microstructures.append(LabelRuns(name, name, labels.shape, *encode(labels), types, pairs.astype(np.int32)))
        patched += len(pairs)
    print(f"{len(microstructures)} microstructures, {patched:,} boundaries; peak memory {peak():.2f} GiB", flush=True)
    sample = Sample(microstructures, patches.BOUNDARY).at_most(count)
    held_out = Sample(microstructures[:10], patches.BOUNDARY)
    done, step = 0, max(count // 10, 1)
    begin = time.perf_counter()

    def advance(amount: int, note: str) -> None:
        nonlocal done
        if (done + amount) // step > done // step:
            elapsed = time.perf_counter() - begin
            print(f"{done + amount:>12,} patches {elapsed:8.0f} s   peak memory {peak():.2f} GiB", flush=True)
        done += amount

    cpu = time.process_time()
    result = pca.train(sample, held_out, {"components": 32}, advance=advance)
    cpu = time.process_time() - cpu
    print(f"fitted on {sample.size:,} patches, with errors measured in a second pass: {cpu:.0f} s of CPU")
    print(f"mean squared error {result.errors[-1][1]:.5f} with 32 components, {result.errors[0][1]:.5f} with none")
    print(f"peak memory {peak():.2f} GiB; the patches as one array {sample.size * 48**2 / 2**30:.2f} GiB")


def peak() -> float:
    """Peak memory so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.patches", description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=60, help="stored graphs to read")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--million", type=int, default=0, metavar="N", help="boundary patches for the PCA; 0: none")
    parser.add_argument("--limit-gib", type=float, default=4, help="address space of the process with --million")
    args = parser.parse_args()
    if args.million:
        limit = int(args.limit_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        million(args.million)
        return
    root = raw_data_root() / "deepspparks-json"
    compare(published(root, args.graphs) if root.is_dir() else [voronoi(seed) for seed in range(2)], args.repeats)


if __name__ == "__main__":
    main()
