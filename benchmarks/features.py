"""CPU time of grain shapes, against one full mask and one `regionprops` per grain: `python -m benchmarks.features`.

1. Stored graphs (DeepSPPARKS JSON under RAW_DATA_ROOT or ../shared/data; left out without them): from the run-length
   masks to five shapes of every grain, and from the file to shapes, degrees and types; against decoding each mask to
   the full image, rolling it to its centre and measuring it with scikit-image.
2. A periodic Voronoi microstructure of 512 x 512 sites and 445 grains, against `regionprops_table` on each mask.

Both ways give the same results, which is checked. CPU time of the process; writes benchmarks/results.json.
"""

import argparse
import ast
import json

import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import regionprops_table

from benchmarks import results
from benchmarks.comparison import figures, in_turn, raw_data_root
from graincast.features.regionprops import measure
from graincast.raw.coco_rle import paint_masks, parse_size
from graincast.raw.deepspparks import read

REFERENCE = "one full mask and regionprops per grain"
SCIKIT_IMAGE = {
    "area": "area",
    "perimeter": "perimeter",
    "equivalent_diameter": "equivalent_diameter_area",
    "major_axis_length": "axis_major_length",
    "minor_axis_length": "axis_minor_length",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", type=int, default=60, help="stored graphs to read")
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    root = raw_data_root() / "deepspparks-json"
    paths = sorted(root.glob("*.json"))
    found = {}
    if paths:
        chosen = paths[:: max(len(paths) // args.graphs, 1)]
        masks = [[node["rle"] for node in json.loads(path.read_text())["nodes"].values()] for path in chosen]
        found["shapes of the grains of a graph"] = compared(masks, shapes_of, shapes_by_masks, args.repeats)
        found["JSON file to shapes, degrees and types"] = compared(chosen, features_of, features_by_masks, args.repeats)
    else:
        print(f"no DeepSPPARKS graphs in {root}: their figures are left out")
    found["shapes of 445 grains, 512²"] = compared([voronoi(445, 512)], shapes_of_image, shapes_by_images, args.repeats)
    print(json.dumps(found, indent=2))
    results.write("features", found, ["numpy", "numba", "scikit-image"])


def compared(inputs, ours, theirs, repeats):
    """Times per input of both, whose results are compared first."""
    difference = max(largest_difference(ours(one), theirs(one)) for one in inputs)
    assert difference < 1e-9, difference
    times = in_turn(lambda: [ours(one) for one in inputs], lambda: [theirs(one) for one in inputs], repeats)
    return figures(*times, REFERENCE, scale=1e3 / len(inputs))


def shapes_of(masks):
    counts = {str(i): mask["counts"] for i, mask in enumerate(masks)}
    labels, _ = paint_masks(counts, parse_size(masks[0]["size"]))
    return measure(labels, len(masks))


def shapes_by_masks(masks):
    shapes = [shape_by_mask(full_mask(mask)) for mask in masks]
    return {key: np.array([shape[key] for shape in shapes]) for key in SCIKIT_IMAGE}


def shapes_of_image(labels):
    return measure(labels, labels.max())


def shapes_by_images(labels):
    shapes = [shape_by_mask(labels == grain) for grain in range(1, labels.max() + 1)]
    return {key: np.array([shape[key] for shape in shapes]) for key in SCIKIT_IMAGE}


def voronoi(n, size):
    """A periodic Voronoi microstructure of n grains, int32 [size, size]."""
    points = np.random.default_rng(0).random((n, 2)) * size
    sites = np.stack(np.indices((size, size)), axis=-1).reshape(-1, 2)
    return (cKDTree(points, boxsize=size).query(sites)[1] + 1).reshape(size, size).astype(np.int32)


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


if __name__ == "__main__":
    main()
