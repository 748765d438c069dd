"""CPU time of the paper's sweep of simple graph convolution, and of one trial with PyTorch Geometric's SGConv.

600 graphs, 180 trials (5 thresholds, K = 1 to 4, 3 learning rates, 3 weight decays), 500 iterations, one core. The
graphs are the published ones if RAW_DATA_ROOT has them, else synthetic ones of the same size.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch_geometric.nn import SGConv

from benchmarks import results
from benchmarks.comparison import figures, in_turn, raw_data_root
from graincast.experiment.targets import Target
from graincast.features import table
from graincast.features.rows import row
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
    edges = ["boundary_length"]
    rows = [row(deepspparks.read(path, path.stem), COLUMNS, edges) for path in json_graphs(root)]
    return table.assemble(COLUMNS, rows, edges)


def graphs_here() -> tuple[table.FeatureTable, str]:
    """The published graphs, or synthetic ones of the same size where they are not here, and which."""
    root = raw_data_root() / "deepspparks-json"
    return (published(root), "published graphs") if root.is_dir() else (synthetic(), "synthetic graphs")


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
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    iterations = args.iterations
    torch.set_num_threads(1)
    data, source = graphs_here()
    subset = np.random.default_rng(0).choice(["train", "validation", "test"], len(data.name), p=[0.6, 0.2, 0.2])
    ratios = np.array([runs.mean() for runs in data.candidate_ratios()])
    labels = {threshold: ratios > threshold for threshold in GRID["threshold"]}

    target = Target("abnormal", "candidate", labels)
    settings = {"iterations": iterations, "evaluate_every": 10}
    times = in_turn(
        lambda: sgc.train(data, {"all": subset}, target, GRID, settings),
        lambda: train_sgconv(data, subset, labels[10.0], iterations),
        args.repeats,
    )
    trials = math.prod(map(len, GRID.values()))
    times = [time / trials for time in times[0]], times[1]
    found = {f"a trial of {trials}, {len(data.name)} graphs": figures(*times, "one SGConv by PyTorch Geometric")}
    print(source, json.dumps(found, indent=2), sep="\n")
    results.write("sgc", found, ["torch", "torch_geometric"])


if __name__ == "__main__":
    main()
