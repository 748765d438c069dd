"""A data set of graphs as tensors, and batches of its graphs, without a loop over graphs.

A batch is one graph of unconnected components, in the order requested, as torch_geometric's Batch.from_data_list
makes it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from graincast.features.table import FeatureTable


@dataclass(frozen=True)
class Batch:
    """A batch of b graphs, with n nodes and m edges in all.

    x           float32 [n, columns]
    edge_index  int64 [2, m]             source and target, rows of x
    edge_attr   float32 [m, edge columns]
    graph       int64 [n]                the index of each node's graph in the batch
    candidate   int64 [b]                the row in x of each graph's candidate
    y           float32 [n]              the target of each node
    seen        None, or for each layer of a network the numbers of the first nodes that it updates and of the first
                edges that it uses, where nothing else can affect the candidates (see seen_by_candidates)
    """

    x: torch.Tensor
    edge_index: torch.Tensor
    edge_attr: torch.Tensor
    graph: torch.Tensor
    candidate: torch.Tensor
    y: torch.Tensor
    seen: list[tuple[int, int]] | None = None


@dataclass(frozen=True)
class Graphs:
    """g graphs with N nodes and E directed edges in all, on one device.

    x           float32 [N, columns]
    node_ptr    int64 [g + 1]
    edge_index  int32 [2, E]             node indices within the graph
    edge_attr   float32 [E, edge columns]
    edge_ptr    int64 [g + 1]
    candidate   int64 [g]                node index within the graph
    y           float32 [N]              the target of each node
    row         int32 [N]                the row of each node in its feature table
    """

    x: torch.Tensor
    node_ptr: torch.Tensor
    edge_index: torch.Tensor
    edge_attr: torch.Tensor
    edge_ptr: torch.Tensor
    candidate: torch.Tensor
    y: torch.Tensor
    row: torch.Tensor

    def to(self, device: torch.device) -> "Graphs":
        """The graphs on a device."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**{name: value.to(device) for name, value in values.items()})

    def batch(self, indices: torch.Tensor) -> Batch:
        """The graphs with these indices (int64 [b], on the graphs' device), in this order."""
        nodes, graph, first_node = _rows(self.node_ptr, indices)
        edges, graph_of_edge, _ = _rows(self.edge_ptr, indices)
        return Batch(
            x=self.x[nodes],
            edge_index=self.edge_index[:, edges] + first_node[graph_of_edge],
            edge_attr=self.edge_attr[edges],
            graph=graph,
            candidate=self.candidate[indices] + first_node,
            y=self.y[nodes],
        )


@dataclass(frozen=True)
class SeenGraphs(Graphs):
    """Graphs cut to what the candidates see through the layers of a network.

    hop        int64 [N]  hops of each node to the candidate, ascending within a graph
    edge_hop   int64 [E]  hops of each edge's target, ascending within a graph; all below the number of layers
    hops       int64 []   the number of layers
    """

    hop: torch.Tensor
    edge_hop: torch.Tensor
    hops: torch.Tensor

    def batch(self, indices: torch.Tensor) -> Batch:
        """The graphs with these indices; nodes and edges in the order of their hops: a layer takes the first."""
        nodes, graph, first_node = _rows(self.node_ptr, indices)
        edges, graph_of_edge, _ = _rows(self.edge_ptr, indices)
        order, edge_order = self.hop[nodes].argsort(stable=True), self.edge_hop[edges].argsort(stable=True)
        rank = torch.empty_like(order)
        rank[order] = torch.arange(len(order), device=order.device)
        nodes, edges = nodes[order], edges[edge_order]
        layers = int(self.hops)
        numbers, edge_numbers = (
            torch.bincount(hop, minlength=layers + 1).cumsum(0).tolist()
            for hop in (self.hop[nodes], self.edge_hop[edges])
        )
        return Batch(
            x=self.x[nodes],
            edge_index=rank[self.edge_index[:, edges] + first_node[graph_of_edge[edge_order]]],
            edge_attr=self.edge_attr[edges],
            graph=graph[order],
            candidate=rank[self.candidate[indices] + first_node],
            y=self.y[nodes],
            seen=[(numbers[hop], edge_numbers[hop]) for hop in reversed(range(layers))],
        )


def _rows(ptr: torch.Tensor, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The rows of the segments `indices` laid end to end, each row's segment, and the new start of each segment."""
    start = ptr[indices]
    count = ptr[indices + 1] - start
    end = count.cumsum(0)
    first = end - count
    segment = torch.repeat_interleave(count)
    return torch.arange(segment.numel(), device=ptr.device) + (start - first)[segment], segment, first


def of_table(
    table: FeatureTable, x: np.ndarray | None = None, edge_x: np.ndarray | None = None, y: np.ndarray | None = None
) -> Graphs:
    """The graphs of a feature table, on the CPU.

    x, edge_x  features that replace the table's, such as normalised ones; [N, …] and [E, …]
    y          the target of each node, [N]; NaN without one
    """
    return Graphs(
        x=_float(table.x if x is None else x),
        node_ptr=torch.from_numpy(np.asarray(table.node_ptr, np.int64)),
        edge_index=torch.from_numpy(np.array(table.edges.T, np.int32, order="C")),
        edge_attr=_float(table.edge_x if edge_x is None else edge_x),
        edge_ptr=torch.from_numpy(np.asarray(table.edge_ptr, np.int64)),
        candidate=torch.from_numpy(np.asarray(table.candidate_index - table.node_ptr[:-1], np.int64)),
        y=_float(np.full(len(table.x), np.nan) if y is None else y),
        row=torch.arange(len(table.x), dtype=torch.int32),
    )


def with_targets(graphs: Graphs, y: torch.Tensor) -> Graphs:
    """The graphs with other targets, float32: one for each row of their feature table."""
    return replace(graphs, y=y[graphs.row].to(graphs.x.device))


def joined(pieces: Iterable[Graphs]) -> Graphs:
    """The graphs of consecutive parts of a table, at least one, as those of the whole; of one kind, on the CPU.

    Each piece is let go of once it is copied, so that all together are not held twice.
    """
    arrays: dict[str, np.ndarray] = {}
    kind: type[Graphs] = Graphs
    for piece in pieces:
        kind = type(piece)
        for field in fields(piece):
            values = getattr(piece, field.name).numpy()
            values = values.T if field.name == "edge_index" else values  # its second axis is that of the edges
            if field.name not in arrays:
                arrays[field.name] = values.copy(order="C")
            elif field.name.endswith("_ptr"):
                _append(arrays[field.name], arrays[field.name][-1] + values[1:])
            elif values.ndim:
                _append(arrays[field.name], values)
    arrays["edge_index"] = arrays["edge_index"].T
    return kind(**{name: torch.from_numpy(values) for name, values in arrays.items()})


def _append(array: np.ndarray, values: np.ndarray) -> None:
    """Lengthen an array in place: a large one is moved by the kernel, page by page, not copied."""
    length = len(array)
    array.resize((length + len(values), *array.shape[1:]), refcheck=False)
    array[length:] = values


def with_self_loops(graphs: Graphs) -> Graphs:
    """The graphs with a self-loop at each node; its features are the mean over incoming edges, or zeros without any.

    torch_geometric's attention layers add the same to every batch (fill_value="mean"); here it is done once. The edges
    of a graph are sorted by target.
    """
    nodes = torch.arange(len(graphs.x))
    graph = torch.repeat_interleave(torch.diff(graphs.node_ptr))
    first = graphs.node_ptr[torch.repeat_interleave(torch.diff(graphs.edge_ptr))]
    target = graphs.edge_index[1] + first
    total = torch.zeros(len(nodes), graphs.edge_attr.shape[1]).index_add_(0, target, graphs.edge_attr)
    count = torch.bincount(target, minlength=len(nodes)).clamp(min=1)
    order = torch.cat([target, nodes]).argsort(stable=True)
    local = (nodes - graphs.node_ptr[graph]).int()
    return replace(
        graphs,
        edge_index=torch.cat([graphs.edge_index, local.expand(2, -1)], dim=1)[:, order].contiguous(),
        edge_attr=torch.cat([graphs.edge_attr, total / count[:, None]])[order],
        edge_ptr=graphs.edge_ptr + graphs.node_ptr,
    )


def seen_by_candidates(graphs: Graphs, layers: int) -> SeenGraphs:
    """The graphs without what cannot affect the candidates through this many message-passing layers.

    The last layer need only update the candidates; the one before it, the candidates and their neighbours; and so on.
    The result for the candidates is that of the whole graphs.
    """
    graph = torch.repeat_interleave(torch.diff(graphs.node_ptr))
    graph_of_edge = torch.repeat_interleave(torch.diff(graphs.edge_ptr))
    source, target = graphs.edge_index + graphs.node_ptr[graph_of_edge]
    hop = torch.full((len(graphs.x),), layers + 1)
    hop[graphs.candidate + graphs.node_ptr[:-1]] = 0
    for reached in range(layers):
        found = source[hop[target] == reached]
        hop[found] = hop[found].clamp(max=reached + 1)
    nodes = torch.argsort(graph * (layers + 2) + hop, stable=True)
    nodes = nodes[hop[nodes] <= layers]
    edges = torch.argsort(graph_of_edge * (layers + 2) + hop[target], stable=True)
    edges = edges[hop[target[edges]] < layers]
    node_ptr, edge_ptr = (
        torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(of, minlength=len(graphs.candidate)).cumsum(0)])
        for of in (graph[nodes], graph_of_edge[edges])
    )
    local = torch.zeros(len(graphs.x), dtype=torch.int64)
    local[nodes] = torch.arange(len(nodes)) - node_ptr[graph[nodes]]
    return SeenGraphs(
        x=graphs.x[nodes],
        node_ptr=node_ptr,
        edge_index=torch.stack([local[source[edges]], local[target[edges]]]).int(),
        edge_attr=graphs.edge_attr[edges],
        edge_ptr=edge_ptr,
        candidate=torch.zeros_like(graphs.candidate),
        y=graphs.y[nodes],
        row=graphs.row[nodes],
        hop=hop[nodes],
        edge_hop=hop[target[edges]],
        hops=torch.tensor(layers),
    )


def _float(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32, order="C"))
