"""Epochs of minibatches of graphs: one torch.load per graph by PyTorch Geometric, against tensors in memory.

600 graphs, shuffled, the same batch size, one core; every batch of an epoch is built and discarded. The graphs are
the published ones if RAW_DATA_ROOT has them, else synthetic ones of the same size. Wall-clock time: the median of
several epochs, after one that warms the page cache; both methods alternate, as the machine may have other work.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch_geometric.data import Batch, Data, Dataset
from torch_geometric.loader import DataLoader

from benchmarks import results
from benchmarks.comparison import figures, in_turn
from benchmarks.sgc import graphs_here
from graincast.features.table import FeatureTable
from graincast.training import graph_batches

REFERENCE = "PyTorch Geometric, a file per graph"


def in_memory(data: FeatureTable) -> list[Data]:
    """The graphs as PyTorch Geometric holds them."""
    graphs = graph_batches.of_table(data)
    batches = (graphs.batch(torch.tensor([i])) for i in range(len(data.name)))
    return [Data(x=one.x, edge_index=one.edge_index, edge_attr=one.edge_attr, y=one.y) for one in batches]


class Files(Dataset):
    """A data set as is usual in PyTorch Geometric: one file per graph."""

    def __init__(self, graphs: Sequence[Data], folder: Path) -> None:
        super().__init__()
        self.paths = [folder / f"{i}.pt" for i in range(len(graphs))]
        for path, graph in zip(self.paths, graphs, strict=True):
            torch.save(graph, path)

    def len(self) -> int:
        return len(self.paths)

    def get(self, idx: int) -> Data:
        return torch.load(self.paths[idx], weights_only=False)


def epoch_in_memory(graphs: graph_batches.Graphs, batch_size: int, generator: torch.Generator) -> None:
    for indices in torch.randperm(len(graphs.candidate), generator=generator).split(batch_size):
        graphs.batch(indices)


def epoch_from_files(loader: DataLoader) -> None:
    for _ in loader:
        pass


def check(graphs: graph_batches.Graphs, files: Files) -> None:
    """Both methods build the same batch."""
    indices = torch.arange(len(files))[::7]
    ours, theirs = graphs.batch(indices), Batch.from_data_list([files[i] for i in indices.tolist()])
    for key in ("x", "edge_index", "edge_attr"):
        assert torch.equal(getattr(ours, key), getattr(theirs, key)), key


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, nargs="+", default=[8, 32, 128])
    args = parser.parse_args()
    torch.set_num_threads(1)
    data, source = graphs_here()
    graphs = graph_batches.of_table(data)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        files = Files(in_memory(data), Path(folder))
        check(graphs, files)
        for batch_size in args.batch_size:
            loader, generator = DataLoader(files, batch_size, shuffle=True), torch.Generator().manual_seed(0)
            times = in_turn(
                lambda: epoch_in_memory(graphs, batch_size, generator),  # noqa: B023
                lambda: epoch_from_files(loader),  # noqa: B023
                args.epochs,
                time.perf_counter,
            )
            found[f"an epoch of {len(files)} graphs in batches of {batch_size}"] = figures(*times, REFERENCE, "ms")
    print(source, json.dumps(found, indent=2), sep="\n")
    results.write("loading", found, ["torch", "torch_geometric"])


if __name__ == "__main__":
    main()
