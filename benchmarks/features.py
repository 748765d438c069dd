"""CPU time of grain shapes, against one full mask and one `regionprops` per grain: `python -m benchmarks.features`.

1. Stored graphs (DeepSPPARKS JSON): from the run-length masks to five shapes of every grain, and from the file to
   shapes, degrees and types; against decoding each mask to the full image, rolling it to its centre and measuring it
   with scikit-image. Needs raw data under RAW_DATA_ROOT or ../shared/data; skipped without.
2. A 512 x 512 periodic Voronoi microstructure of 445 grains: `measure`, against `regionprops_table` on each mask.

Both methods process all graphs, one after the other in one process, and their results are compared. Times are CPU time
of the process, the median over graphs or repeats (a single pass for the masks of the Voronoi case).
"""

import argparse
import ast
import json
import os
import time
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import regionprops_table

from graincast.features.regionprops import measure
from graincast.raw.coco_rle import paint_masks, parse_size
from graincast.raw.deepspparks import read

SCIKIT_IMAGE = {
    "area": "area",
    "perimeter": "perimeter",
    "equivalent_diameter": "equivalent_diameter_area",
    "major_axis_length": "axis_major_length",
    "minor_axis_length": "axis_minor_length",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=60, help="stored graphs to read")
    parser.add_argument("--repeats", type=int, default=20, help="repeats of graincast in the Voronoi case")
    args = parser.parse_args()

    rows = []
    root = Path(os.environ.get("RAW_DATA_ROOT", Path(__file__).resolve().parents[2] / "shared" / "data"))
    paths = sorted((root / "deepspparks-json").glob("*.json"))
    if paths:
        chosen = paths[:: max(len(paths) // args.graphs, 1)]
        rows.append(("masks of one graph", *masks_of_graphs(chosen)))
        rows.append(("JSON file to features", *stored_graphs(chosen)))
    else:
        print(f"no DeepSPPARKS graphs under {root}: skipping the first case")
    rows.append(("512 x 512, 445 grains", *voronoi_microstructure(args.repeats)))

    print(f"{'case':<24}{'mask per grain, ms':>20}{'graincast, ms':>16}{'ratio':>8}{'largest difference':>22}")
    for case, slow, fast, difference in rows:
        print(f"{case:<24}{1e3 * slow:>20.2f}{1e3 * fast:>16.2f}{slow / fast:>8.0f}{difference:>22.1e}")


def masks_of_graphs(paths):
    """As `stored_graphs`, but from a graph's run-length masks to the shapes of its grains."""
    graphs = [[node["rle"] for node in json.loads(path.read_text())["nodes"].values()] for path in paths]
    shapes_of(graphs[0])
    shapes_by_masks(graphs[0])
    fast = [timed(shapes_of, masks) for masks in graphs]
    slow = [timed(shapes_by_masks, masks) for masks in graphs]
    return compare(slow, fast)


def compare(slow, fast):
    """Median CPU seconds of both methods, and the largest difference of their results."""
    results = [(actual, expected) for (_, actual), (_, expected) in zip(fast, slow, strict=True)]
    difference = max(largest_difference(actual, expected) for actual, expected in results)
    return np.median([seconds for seconds, _ in slow]), np.median([seconds for seconds, _ in fast]), difference


def shapes_of(masks):
    counts = {str(i): mask["counts"] for i, mask in enumerate(masks)}
    labels, _ = paint_masks(counts, parse_size(masks[0]["size"]))
    return measure(labels, len(masks))


def shapes_by_masks(masks):
    shapes = [shape_by_mask(full_mask(mask)) for mask in masks]
    return {key: np.array([shape[key] for shape in shapes]) for key in SCIKIT_IMAGE}


def stored_graphs(paths):
    """Median CPU seconds per graph by masks and by graincast, and the largest difference of their features."""
    features_of(paths[0])  # compiles, or loads the compiled code
    features_by_masks(paths[0])
    fast = [timed(features_of, path) for path in paths]
    slow = [timed(features_by_masks, path) for path in paths]
    return compare(slow, fast)


def features_of(path):
    microstructure = read(path, path.stem)
    shapes = measure(microstructure.labels, len(microstructure.grain_id))
    return shapes | {"degree": microstructure.degree, "grain_type": microstructure.grain_type}


def features_by_masks(path):
    graph = json.loads(path.read_text())
    nodes = {int(key): node for key, node in graph["nodes"].items()}
    degree = dict.fromkeys(nodes, 0)
    for edge in graph["edges"]:
        degree[ast.literal_eval(edge)[0]] += 1
    ids = sorted(nodes)
    shapes = [shape_by_mask(full_mask(nodes[i]["rle"])) for i in ids]
    return {key: np.array([shape[key] for shape in shapes]) for key in SCIKIT_IMAGE} | {
        "degree": np.array([degree[i] for i in ids]),
        "grain_type": np.array([nodes[i]["grain_type"] for i in ids]),
    }


def voronoi_microstructure(repeats):
    """CPU seconds by masks (one pass) and by graincast (median), and the largest difference of their shapes."""
    n, size = 445, 512
    points = np.random.default_rng(0).random((n, 2)) * size
    pixels = np.stack(np.indices((size, size)), axis=-1).reshape(-1, 2)
    labels = (cKDTree(points, boxsize=size).query(pixels)[1] + 1).reshape(size, size).astype(np.int32)
    measure(labels, n)
    fast = np.median([timed(measure, labels, n)[0] for _ in range(repeats)])
    slow, mask_shapes = timed(lambda: [shape_by_mask(labels == grain) for grain in range(1, n + 1)])
    expected = {key: np.array([shape[key] for shape in mask_shapes]) for key in SCIKIT_IMAGE}
    return slow, fast, largest_difference(measure(labels, n), expected)


def shape_by_mask(mask):
    """Shapes of one grain by scikit-image, its mask rolled to end with the longest run of empty rows and columns."""
    for axis in (0, 1):
        filled = np.flatnonzero(mask.any(axis=1 - axis))
        gap = np.diff(filled, append=filled[0] + mask.shape[axis])
        mask = np.roll(mask, -filled[(gap.argmax() + 1) % len(filled)], axis=axis)
    table = regionprops_table(mask.astype(np.uint8), properties=tuple(SCIKIT_IMAGE.values()))
    return {key: table[name][0] for key, name in SCIKIT_IMAGE.items()}


def full_mask(rle):
    """Image of a COCO compressed run-length mask: 5 bits per character, differences from the last count but one."""
    code = np.frombuffer(rle["counts"].encode(), np.uint8).astype(np.int64) - 48
    last = (code & 32) == 0
    first = np.flatnonzero(np.append(True, last[:-1]))
    place = np.arange(len(code)) - np.repeat(first, np.diff(first, append=len(code)))
    counts = np.add.reduceat((code & 31) << (5 * place), first)
    negative = (code[last] & 16) != 0
    counts[negative] -= 1 << (5 * (place[last][negative] + 1))
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    height, width = rle["size"]
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(width, height).T


def largest_difference(actual, expected):
    """Over all features and grains, relative where a value is above 1."""
    return max(np.max(np.abs(actual[key] - expected[key]) / np.maximum(np.abs(expected[key]), 1)) for key in expected)


def timed(function, *args):
    begin = time.process_time()
    result = function(*args)
    return time.process_time() - begin, result


if __name__ == "__main__":
    main()
