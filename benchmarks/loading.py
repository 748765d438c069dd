"""Epochs of minibatches of graphs: one torch.load per graph by PyTorch Geometric, against tensors in memory.

600 graphs, shuffled, the same batch size, one core; every batch of an epoch is built and discarded. The graphs are
the published ones if RAW_DATA_ROOT has them, else synthetic ones of the same size. Wall-clock time: the median of
several epochs, after one that warms the page cache; both methods alternate, as the machine may have other work.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch_geometric.data import Batch, Data, Dataset
from torch_geometric.loader import DataLoader

from benchmarks.sgc import published, synthetic
from graincast.features.table import FeatureTable
from graincast.training import graph_batches


class Files(Dataset):
    """A data set as is usual in PyTorch Geometric: one file per graph."""

    def __init__(self, data: FeatureTable, folder: Path) -> None:
        super().__init__()
        self.paths = [folder / f"{i}.pt" for i in range(len(data.name))]
        graphs = graph_batches.of_table(data)
        for i, path in enumerate(self.paths):
            graph = graphs.batch(torch.tensor([i]))
            torch.save(Data(x=graph.x, edge_index=graph.edge_index, edge_attr=graph.edge_attr, y=graph.y), path)

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


def seconds(epoch: Callable[[], None]) -> float:
    start = time.perf_counter()
    epoch()
    return time.perf_counter() - start


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
    root = Path(os.environ.get("RAW_DATA_ROOT", "."), "deepspparks-json")
    data = published(root) if root.is_dir() else synthetic()

    start = time.perf_counter()
    graphs = graph_batches.of_table(data)
    prepared = time.perf_counter() - start
    print(f"{len(data.name)} graphs ({'published' if root.is_dir() else 'synthetic'}), {len(data.x)} grains, one core")
    print(f"tensors built once, in {1e3 * prepared:.1f} ms")
    print(f"{'batch size':>14}{'PyTorch Geometric':>24}{'graincast':>24}{'ratio':>8}")
    with tempfile.TemporaryDirectory() as folder:
        files = Files(data, Path(folder))
        check(graphs, files)
        for batch_size in args.batch_size:
            loader, generator = DataLoader(files, batch_size, shuffle=True), torch.Generator().manual_seed(0)
            methods = (lambda: epoch_from_files(loader)), (lambda: epoch_in_memory(graphs, batch_size, generator))  # noqa: B023
            for epoch in methods:
                epoch()
            pairs = [[seconds(epoch) for epoch in methods] for _ in range(args.epochs)]
            slow, fast = (1 / statistics.median(times) for times in zip(*pairs, strict=True))
            print(f"{batch_size:>14}{slow:>15.2f} epochs/s{fast:>15.1f} epochs/s{fast / slow:>8.0f}")


if __name__ == "__main__":
    main()
