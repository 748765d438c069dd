"""CPU time of the paper's sweep of simple graph convolution, and of one trial with PyTorch Geometric's SGConv.

600 graphs, 180 trials (5 thresholds, K = 1 to 4, 3 learning rates, 3 weight decays), 500 iterations, one core. The
graphs are the published ones if RAW_DATA_ROOT has them, else synthetic ones of the same size.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch_geometric.nn import SGConv

from graincast.experiment.targets import Target
from graincast.features import table
from graincast.features.nodes import features
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.models import sgc
from graincast.raw import deepspparks
from graincast.raw.sources import json_graphs

COLUMNS = ["type", "degree", "area", "perimeter", "equivalent_diameter", "major_axis_length", "minor_axis_length"]
GRID = {
    "threshold": [6.0, 8.0, 10.0, 12.0, 14.0],
    "propagation_steps": [1, 2, 3, 4],
    "learning_rate": [0.1, 0.01, 0.001],
    "weight_decay": [0.0, 0.001, 0.01],
    "seed": [0],
}


def published(root: Path) -> table.FeatureTable:
    rows = []
    for path in json_graphs(root):
        graph = k_hop_subgraph(deepspparks.read(path, path.stem), None)
        edge_x = graph.boundary_length[:, None].astype(float)
        arrays = {"edges": graph.edges, "edge_x": edge_x, "candidate": graph.candidate}
        rows.append({"name": graph.name, "x": features(graph, COLUMNS), "growth_ratio": graph.growth_ratios, **arrays})
    return table.assemble(COLUMNS, rows)


def synthetic(graphs: int = 600, grains: int = 29) -> table.FeatureTable:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(graphs):
        source, target = rng.integers(0, grains, (2, 65))
        pairs = np.array([(a, b) for a, b in zip(source, target, strict=True) if a != b])
        edges = np.unique(np.concatenate([pairs, pairs[:, ::-1]]), axis=0).astype(np.int32)
        rows.append(
            {
                "name": f"{i:04d}",
                "x": rng.normal(5, 3, (grains, len(COLUMNS))),
                "candidate": np.arange(grains) == 0,
                "edges": edges,
                "edge_x": np.ones((len(edges), 1)),
                "growth_ratio": rng.gamma(4, 2.5, (1, grains)),
            }
        )
    return table.assemble(COLUMNS, rows)


def train_sgconv(data: table.FeatureTable, subset: np.ndarray, label: np.ndarray, iterations: int) -> None:
    """One trial as is usual in PyTorch Geometric: SGConv with cached propagation."""
    x = torch.tensor((data.x - data.x.mean(0)) / data.x.std(0), dtype=torch.float32)
    edges = torch.tensor(data.flat_edges.T)
    train = torch.tensor(data.candidate_index[subset == "train"])
    target = torch.tensor(label[subset == "train"]).long()
    model = SGConv(x.shape[1], 2, K=2, cached=True)
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(iterations):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(model(x, edges)[train], target).backward()
        adam.step()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sgc", description=__doc__)
    parser.add_argument("--iterations", type=int, default=500)
    iterations = parser.parse_args().iterations
    torch.set_num_threads(1)
    root = Path(os.environ.get("RAW_DATA_ROOT", "."), "deepspparks-json")
    data = published(root) if root.is_dir() else synthetic()
    subset = np.random.default_rng(0).choice(["train", "validation", "test"], len(data.name), p=[0.6, 0.2, 0.2])
    ratios = np.array([runs.mean() for runs in data.candidate_ratios()])
    labels = {threshold: ratios > threshold for threshold in GRID["threshold"]}

    start = time.process_time()
    target = Target("abnormal", "candidate", labels)
    result = sgc.train(data, {"all": subset}, target, GRID, {"iterations": iterations, "evaluate_every": 10})
    sweep_seconds = time.process_time() - start
    start = time.process_time()
    train_sgconv(data, subset, labels[10.0], iterations)
    single_seconds = time.process_time() - start
    trials = len(result.models)
    source, per_trial = "published" if root.is_dir() else "synthetic", sweep_seconds / trials
    print(f"{len(data.name)} graphs ({source}), {iterations} iterations, one core")
    print(f"graincast, {trials} trials together   {sweep_seconds:6.2f} s of CPU   {1000 * per_trial:6.1f} ms per trial")
    ratio = single_seconds / per_trial
    print(f"SGConv alone, one trial          {single_seconds:6.2f} s of CPU   {ratio:6.0f} times as much")


if __name__ == "__main__":
    main()
