"""The k-hop subgraph of a grain graph: the grains within a number of hops of the candidate."""

import dataclasses

import numpy as np
from numba import njit

from graincast.microstructure import Microstructure


def k_hop_subgraph(microstructure: Microstructure, hops: int | None) -> Microstructure:
    """The grains within `hops` of the candidate(s) as a microstructure of their own; unchanged where `hops` is None.

    Grains farther away are removed from nodes, edges, areas and the image (label 0). `degree` keeps its value.
    """
    if hops is None:
        return microstructure
    if hops < 0:
        raise ValueError(f"a hop radius is 0 or more, not {hops}")
    m = microstructure
    n = m.grain_id.size
    distance = hop_distance(m.edges, n, np.flatnonzero(m.candidate))
    keep = (distance >= 0) & (distance <= hops)
    index = np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int32)
    inside = keep[m.edges].all(axis=1)
    return dataclasses.replace(
        m,
        labels=np.concatenate([np.zeros(1, np.int32), index + 1])[m.labels],
        grain_id=m.grain_id[keep],
        grain_type=m.grain_type[keep],
        candidate=m.candidate[keep],
        edges=index[m.edges[inside]],
        boundary_length=m.boundary_length[inside],
        degree=m.degree[keep],
        areas=[np.ascontiguousarray(areas[:, keep]) for areas in m.areas],
    )


def hop_distance(edges: np.ndarray, n: int, sources: np.ndarray) -> np.ndarray:
    """Hops int32 [n] of each of n nodes from the nearest of `sources` (node indices), -1 where there is no path.

    edges    int [m, 2], both directions, in any order
    """
    distance = np.full(n, -1, np.int32)
    distance[sources] = 0
    order = np.argsort(edges[:, 0], kind="stable")
    begin = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(edges[:, 0], minlength=n), out=begin[1:])
    _breadth_first(begin, edges[order, 1].astype(np.int64), distance)
    return distance


@njit(cache=True)
def _breadth_first(begin, target, distance):
    queue = np.empty(distance.size, np.int64)
    end = 0
    for node in range(distance.size):
        if distance[node] == 0:
            queue[end] = node
            end += 1
    at = 0
    while at < end:
        node = queue[at]
        at += 1
        for k in range(begin[node], begin[node + 1]):
            if distance[target[k]] < 0:
                distance[target[k]] = distance[node] + 1
                queue[end] = target[k]
                end += 1
