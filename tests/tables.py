"""Made-up grain graphs and feature tables, small enough to check by other means."""

import numpy as np

from graincast.features.table import FeatureTable, assemble
from graincast.graphs.boundaries import adjacency
from graincast.microstructure import Microstructure
from tests.synthetic import voronoi


def microstructure(name: str, seed: int, size: int = 16, grains: int = 7, records: tuple = (2,)) -> Microstructure:
    """Periodic Voronoi grains, the first the candidate, with one growth run for each entry of `records`."""
    rng = np.random.default_rng(seed)
    labels = voronoi(size, grains, rng)
    n = int(labels.max())
    types = rng.integers(1, 3, n).astype(np.int8)
    types[0] = 0
    edges, boundary_length = adjacency(labels, n)
    first = np.bincount(labels.ravel(), minlength=n + 1)[1:].astype(np.int32)
    areas = [np.concatenate([[first], rng.integers(0, 99, (count - 1, n))]).astype(np.int32) for count in records]
    return Microstructure(
        name=name,
        group=name,
        labels=labels,
        grain_id=np.sort(rng.choice(1000, n, replace=False)).astype(np.int32),
        grain_type=types,
        candidate=types == 0,
        edges=edges,
        boundary_length=boundary_length,
        degree=(np.bincount(edges[:, 0], minlength=n) + rng.integers(0, 3, n)).astype(np.int32),
        runs=[str(run) for run in range(1, len(records) + 1)],
        times=[np.linspace(0, 1e5, count) for count in records],
        areas=areas,
    )


def table_parts(count: int, columns: int = 3, seed: int = 0) -> list[dict]:
    """Random connected graphs of 3 to 9 nodes, as `assemble` takes them, with features on very different scales.

    The candidate is any of the nodes; its growth ratio rises with the first feature of its neighbours.
    """
    rng = np.random.default_rng(seed)
    graphs = []
    for i in range(count):
        n = int(rng.integers(3, 10))
        linked = np.triu(rng.random((n, n)) < 0.3, 1) | np.eye(n, k=1, dtype=bool)
        edges = np.argwhere(linked | linked.T).astype(np.int32)
        x = rng.normal(size=(n, columns)) * 10.0 ** np.arange(columns) + 5
        candidate = int(rng.integers(n))
        neighbours_mean = x[edges[edges[:, 0] == candidate, 1], 0].mean()
        ratio = rng.uniform(0, 20, (int(rng.integers(1, 4)), n))
        ratio[:, candidate] = np.maximum(0, 10 + 4 * (neighbours_mean - 5) + rng.normal(size=len(ratio)))
        graphs.append(
            {
                "name": f"m{i:03d}",
                "spacing": 0.5,
                "x": x,
                "candidate": np.arange(n) == candidate,
                "edges": edges,
                "edge_x": rng.integers(1, 9, (len(edges), 1)).astype(float),
                "growth_ratio": ratio,
            }
        )
    return graphs


def feature_table(count: int, columns: int = 3, seed: int = 0) -> FeatureTable:
    """A table of such graphs, its columns named c0, c1, …"""
    return assemble([f"c{i}" for i in range(columns)], table_parts(count, columns, seed))
