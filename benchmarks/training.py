"""Epochs of a graph attention network, against PyTorch Geometric as it is usually used: python -m benchmarks.training.

Both train the same network (three GATConv layers with edge features) on the candidates' growth with Adam, 60 % of the
graphs for training, and measure its loss on training and validation graphs after each epoch. The reference loads with
PyTorch Geometric's DataLoader, from a list of graphs in memory or from one file per graph, and computes every grain.

Two data sets: the published graphs of about 30 grains (synthetic ones of that size where RAW_DATA_ROOT has none), and
whole maps of 440 grains. One core, CPU time. Each way runs in a process of its own, whose peak memory is measured too,
by turns; the epochs' cost is that of --epochs without the first. Writes benchmarks/results.json, with a profile.
"""

import argparse
import cProfile
import itertools
import json
import pstats
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv

from benchmarks import results
from benchmarks.comparison import figures
from benchmarks.loading import Files, in_memory
from benchmarks.predict import tessellation
from benchmarks.sgc import graphs_here
from graincast.experiment import declaration
from graincast.experiment.targets import Target
from graincast.features import table
from graincast.features.rows import row
from graincast.features.table import FeatureTable
from graincast.models import gat

WAYS = OURS, IN_MEMORY, FILES = "graincast", "PyTorch Geometric, in memory", "PyTorch Geometric, a file per graph"
BATCH, LEARNING_RATE = 32, 0.005
PARTS = {
    "batches": ("graph_batches.py", "batch"),
    "layers forward": ("gat_conv.py", "forward"),
    "backward": ("graph.py", "_engine_run_backward"),
    "optimiser": ("adam.py", "step"),
    "measuring": ("graph_network.py", "measure"),
}


class Usual(torch.nn.Module):
    """The network of models/gat.py with its defaults, as one would write it for PyTorch Geometric."""

    def __init__(
        self, columns: int, edge_columns: int, hidden: int, heads: int, dropout: float, attention_dropout: float
    ) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(
            GATConv(
                hidden * heads if layer else columns,
                hidden,
                heads,
                edge_dim=edge_columns,
                dropout=attention_dropout,
                fill_value="mean",
            )
            for layer in range(3)
        )
        self.dropout = torch.nn.Dropout(dropout)
        self.last = torch.nn.Linear(hidden * heads, 1)

    def forward(self, batch: Data) -> torch.Tensor:
        x = batch.x
        for layer in self.layers:
            x = self.dropout(torch.nn.functional.elu(layer(x, batch.edge_index, batch.edge_attr)))
        return self.last(x)[:, 0]


def graphs_of(kind: str) -> FeatureTable:
    if kind == "30 grains":
        return graphs_here()[0]
    nodes, edges, rows = ["type", "degree", "area"], ["boundary_length"], []
    for seed in range(60):
        one = row(tessellation(256, 440, seed, "largest")[0], nodes, edges)
        ratio = np.ones((1, len(one["x"])))
        ratio[:, one["candidate"]] = 5 + 10 * (seed % 2)
        rows.append(one | {"growth_ratio": ratio})
    return table.assemble(nodes, rows, edges)


def subset_and_label(data: FeatureTable) -> tuple[np.ndarray, np.ndarray]:
    subset = np.random.default_rng(0).choice(["train", "validation", "test"], len(data.name), p=[0.6, 0.2, 0.2])
    return subset, np.array([runs.mean() for runs in data.candidate_ratios()]) > 10


def train_ours(data: FeatureTable) -> Callable[[int], None]:
    subset, label = subset_and_label(data)
    grid: dict = {"threshold": [10.0], "learning_rate": [LEARNING_RATE], "weight_decay": [0.0], "seed": [0]}
    settings = {key: one["default"] for key, one in declaration.read("gat").training.items()}
    target = Target("abnormal", "candidate", {10.0: label})

    def train(epochs: int) -> None:
        given = settings | {"epochs": epochs, "batch_size": BATCH, "patience": 0}
        gat.train(data, {"all": subset}, target, grid, given)

    return train


def train_usual(data: FeatureTable, folder: Path | None) -> Callable[[int], None]:
    """Training by PyTorch Geometric, from files in `folder`, or from memory without one."""
    subset, label = subset_and_label(data)
    defaults = {key: one["default"] for key, one in declaration.read("gat").training.items()}
    graphs = in_memory(data)
    for graph, candidate, y in zip(graphs, data.candidate_index - data.node_ptr[:-1], label, strict=True):
        graph.candidate = torch.arange(len(graph.x)) == int(candidate)
        graph.y = torch.tensor([float(y)])
    chosen = {name: np.flatnonzero(subset == name).tolist() for name in ("train", "validation")}
    if folder is None:
        parts: dict = {name: [graphs[i] for i in index] for name, index in chosen.items()}
    else:
        files = Files(graphs, folder)
        parts = {name: files[index] for name, index in chosen.items()}
    train_loader = DataLoader(parts["train"], BATCH, shuffle=True)
    measured = [DataLoader(part, 512) for part in parts.values()]

    def train(epochs: int) -> None:
        torch.manual_seed(0)
        keys = ("hidden", "heads", "dropout", "attention_dropout")
        module = Usual(len(data.columns), len(data.edge_columns), *(defaults[key] for key in keys))
        adam = torch.optim.Adam(module.parameters(), LEARNING_RATE)
        for _ in range(epochs):
            module.train()
            for batch in train_loader:
                adam.zero_grad()
                _loss(module, batch).backward()
                adam.step()
            module.eval()
            with torch.no_grad():
                for batch in itertools.chain(*measured):
                    _loss(module, batch)

    return train


def _loss(module: Usual, batch: Data) -> torch.Tensor:
    return torch.nn.functional.binary_cross_entropy_with_logits(module(batch)[batch.candidate], batch.y)


def measured(kind: str, way: str, epochs: int) -> tuple[float, float]:
    """CPU s of an epoch and the peak memory, MiB, of one way on one data set; run in a process of its own."""
    torch.set_num_threads(1)
    data = graphs_of(kind)
    with tempfile.TemporaryDirectory() as folder:
        train = train_ours(data) if way == OURS else train_usual(data, Path(folder) if way == FILES else None)
        train(1)
        start = time.process_time()
        train(epochs)
        cost = (time.process_time() - start) / epochs
    return cost, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def profile(kind: str, epochs: int) -> dict[str, float]:
    """Shares of the project's training time, of 1, that its parts take; they overlap in measuring."""
    torch.set_num_threads(1)
    train = train_ours(graphs_of(kind))
    train(1)
    profiler = cProfile.Profile()
    profiler.runcall(train, epochs)
    entries: dict = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    whole = max(entry[3] for entry in entries.values())
    return {
        part: round(sum(one[3] for key, one in entries.items() if key[0].endswith(file) and key[2] == name) / whole, 3)
        for part, (file, name) in PARTS.items()
    }


def apart(function: Callable, *args: object) -> Any:
    """The result of a call in a new process."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(function, *args).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    found: dict = {}
    for kind in ("30 grains", "440 grains"):
        turns = [{way: apart(measured, kind, way, args.epochs) for way in WAYS} for _ in range(args.repeats)]
        for other in (IN_MEMORY, FILES):
            name = f"an epoch on graphs of {kind}, {other.rpartition(', ')[2]}"
            times = ([turn[way][0] for turn in turns] for way in (OURS, other))
            found[name] = figures(*times, "PyTorch Geometric")
            for way in (OURS, other):
                found[name][f"peak memory of {way.partition(',')[0]}, MiB"] = results.spread([t[way][1] for t in turns])
        found[f"shares of the time on graphs of {kind}"] = apart(profile, kind, args.epochs)
    print(json.dumps(found, indent=2))
    results.write("training", found, ["torch", "torch_geometric"])


if __name__ == "__main__":
    main()
