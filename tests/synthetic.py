"""Small made-up raw data: periodic Voronoi grains with made-up growth in the DeepSPPARKS JSON form, and images."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from graincast.raw.coco_rle import encode_runs


def encode(mask: np.ndarray) -> str:
    """Run-length string of a mask [height, width], the inverse of `coco_rle.paint_masks`."""
    flat = np.ascontiguousarray(np.asarray(mask, dtype=bool).T).reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    start = [0, 0] if flat.size and flat[0] else [0]
    return encode_runs(np.diff(np.concatenate([start, edges, [flat.size]])))


def voronoi(size: int, grains: int, rng: np.random.Generator) -> np.ndarray:
    """A periodic Voronoi label image, int32 [size, size], ids 1..grains."""
    sites = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1).reshape(-1, 1, 2)
    difference = np.abs(sites - rng.uniform(0, size, (1, grains, 2)))
    distance = np.minimum(difference, size - difference)
    labels = (distance**2).sum(axis=-1).argmin(axis=1).reshape(size, size) + 1
    return np.unique(labels, return_inverse=True)[1].reshape(size, size).astype(np.int32) + 1


def graph(seed: int, size: int = 24, grains: int = 9, growth_runs: int = 1) -> dict:
    """A DeepSPPARKS JSON graph. The growth ratio of the candidate (grain 1) rises with the fraction of red grains."""
    rng = np.random.default_rng(seed)
    labels = voronoi(size, grains, rng)
    n = int(labels.max())
    types = np.where(rng.random(n) < rng.uniform(0.1, 0.9), 2, 1)
    types[0] = 0
    area = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    ratio = np.minimum(5 * (types == 2).mean() + rng.uniform(0, 1, growth_runs), size**2 / area[0])
    nodes = {
        str(i + 1): {
            "grain_type": int(types[i]),
            "rle": {"size": [size, size], "counts": encode(labels == i + 1)},
            "grain_size": [[int(area[i]), int(area[i] * ratio[run]) if i == 0 else 0] for run in range(growth_runs)],
        }
        for i in range(n)
    }
    pairs = {
        (labels[i, j], np.roll(labels, shift, (0, 1))[i, j])
        for shift in ((0, 1), (1, 0), (1, 1), (1, -1))
        for i in range(size)
        for j in range(size)
    }
    edges = {f"({a}, {b})": {} for x, y in pairs if x != y for a, b in ((x, y), (y, x))}
    metadata = {
        "img_size": [size, size],
        "grain_types": {},
        "path": [f"run_{seed}"],
        "timesteps": [[0.0, 2000.0, 4000000.0]],
    }
    return {"nodes": nodes, "edges": edges, "metadata": {"subgraph_metadata": [metadata], "subgraph_node_ranges": [n]}}


def write_folder(folder: Path, count: int, **options) -> Path:
    """Write `count` graphs as files run-00.json, … and a split table beside them.

    options  arguments of `graph`
    """
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(count):
        (folder / f"run-{seed:02d}.json").write_text(json.dumps(graph(seed, **options)), encoding="utf-8")
    subsets = ("train", "val", "test")
    rows = [f"run-{seed:02d},{subsets[seed % 3]}" for seed in range(count)]
    (folder / "split.csv").write_text("\n".join(["microstructure,split", *rows]) + "\n", encoding="utf-8")
    return folder


def write_images(folder: Path, each: int = 12, size: int = 40) -> Path:
    """Write made-up surface defects, `each` of three classes named as in NEU-CLS: stripes either way, and spots."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for number in range(each):
        wave = 127 + 100 * np.sin(np.arange(size) * rng.uniform(0.8, 1.2))
        textures = {"Sc": np.tile(wave, (size, 1)), "Cr": np.tile(wave[:, None], (1, size))}
        textures["PS"] = np.where(rng.random((size, size)) < 0.05, 0, 200)
        for name, texture in textures.items():
            noisy = np.clip(texture + rng.normal(0, 10, (size, size)), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"{name}_{number + 1}.bmp")
    return folder
