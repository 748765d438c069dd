"""The k-hop subgraph of a grain graph: the grains within k hops of the candidate grain."""

import dataclasses

import numpy as np

from graincast.microstructure import Microstructure
from graincast.program.compiled import compiled


def k_hop_subgraph(microstructure: Microstructure, hops: int | None) -> Microstructure:
    """The grains within `hops` of the candidate grain(s); the microstructure itself if `hops` is None.

    Grains farther away are removed from nodes, edges, areas and the image (label 0). `degree` is unchanged.
    """
    if hops is None:
        return microstructure
    if hops < 0:
        raise ValueError(f"hops must be 0 or more, not {hops}")
    m = microstructure
    n = m.grain_id.size
    distance = hop_distance(m.edges, n, np.flatnonzero(m.candidate))
    keep = (distance >= 0) & (distance <= hops)
    new_index = np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int32)
    inside = keep[m.edges].all(axis=1)
    return dataclasses.replace(
        m,
        labels=np.concatenate([np.zeros(1, np.int32), new_index + 1])[m.labels],
        grain_id=m.grain_id[keep],
        grain_type=m.grain_type[keep],
        candidate=m.candidate[keep],
        edges=new_index[m.edges[inside]],
        boundary_length=m.boundary_length[inside],
        degree=m.degree[keep],
        areas=[np.ascontiguousarray(areas[:, keep]) for areas in m.areas],
        grains=m.grains and m.grains.rows(keep),
        map_mean_area=m.mean_area,
    )


def hop_distance(edges: np.ndarray, n: int, sources: np.ndarray) -> np.ndarray:
    """Hops from each of n nodes to the nearest of `sources` (node indices), int32 [n]; -1 if there is no path.

    edges    int [m, 2], both directions, in any order
    """
    distance = np.full(n, -1, np.int32)
    distance[sources] = 0
    order = np.argsort(edges[:, 0], kind="stable")
    begin = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(edges[:, 0], minlength=n), out=begin[1:])
    _breadth_first(begin, edges[order, 1].astype(np.int64), distance)
    return distance


@compiled
def _breadth_first(begin, target, distance):
    queue = np.empty(distance.size, np.int64)
    tail = 0
    for node in range(distance.size):
        if distance[node] == 0:
            queue[tail] = node
            tail += 1
    head = 0
    while head < tail:
        node = queue[head]
        head += 1
        for k in range(begin[node], begin[node + 1]):
            if distance[target[k]] < 0:
                distance[target[k]] = distance[node] + 1
                queue[tail] = target[k]
                tail += 1
