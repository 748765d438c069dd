"""Adjacency against a slow reference, its symmetries, hop distances and k-hop subgraphs."""

from collections import Counter, deque

import numpy as np
import pytest

from graincast.graphs import boundaries
from graincast.graphs.boundaries import DENSE, adjacency
from graincast.graphs.k_hop_subgraph import hop_distance, k_hop_subgraph
from graincast.microstructure import Microstructure

NARROW = [(1, 1), (1, 2), (2, 1), (1, 5), (5, 1), (2, 2), (2, 7), (7, 2), (1, 90), (90, 2)]


def blocks(size, across, seed, empty=0.0):
    """A periodic image of across² ragged grains, numbered 1 … n without gaps.

    empty  fraction of the grains whose sites are left empty
    """
    rng = np.random.default_rng(seed)
    row, col = np.indices((size, size)) + rng.integers(0, 3, (2, size, size))
    labels = (row % size * across // size) * across + col % size * across // size + 1
    labels[np.isin(labels, 1 + np.flatnonzero(rng.random(across**2) < empty))] = 0
    present = np.unique(labels[labels > 0])
    return np.where(labels > 0, np.searchsorted(present, labels) + 1, 0).astype(np.int32)


def boundary_lengths(labels):
    """The boundary length of each pair of grains, from a list of all pairs of neighbouring sites, each pair once."""
    site = np.arange(labels.size).reshape(labels.shape)
    right, left_below, below, right_below = (
        np.roll(site, step, (0, 1)) for step in ((0, -1), (-1, 1), (-1, 0), (-1, -1))
    )
    beside = np.concatenate([right, left_below, below, right_below], axis=None)
    site_pairs = np.unique(np.sort(np.stack([np.tile(site.ravel(), 4), beside], axis=1), axis=1), axis=0)
    a, b = labels.ravel()[site_pairs].T
    differ = (a != b) & (a > 0) & (b > 0)
    pairs = Counter(zip((a[differ] - 1).tolist(), (b[differ] - 1).tolist(), strict=True))
    return pairs + Counter({(b, a): count for (a, b), count in pairs.items()})


def as_dict(labels, n):
    edges, length = adjacency(labels, n)
    return {(int(a), int(b)): int(k) for (a, b), k in zip(edges, length, strict=True)}


def microstructure(labels, candidate=0):
    n = int(labels.max())
    edges, length = adjacency(labels, n)
    area = np.bincount(labels.ravel(), minlength=n + 1)[1:].astype(np.int32)
    return Microstructure(
        name="a",
        group="map",
        labels=labels,
        grain_id=np.arange(n, dtype=np.int32) * 3 + 5,
        grain_type=np.where(np.arange(n) == candidate, 0, 1).astype(np.int8),
        candidate=np.arange(n) == candidate,
        edges=edges,
        boundary_length=length,
        degree=np.bincount(edges[:, 0], minlength=n).astype(np.int32),
        runs=["1", "2"],
        times=[np.array([0.0, 5.0])] * 2,
        areas=[np.stack([area, area[::-1]]), np.stack([area, area])],
    )


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1),
        (1, 2),
        (2, 1),
        (1, 5),
        (5, 1),
        (2, 2),
        (2, 7),
        (7, 2),
        (1, 90),
        (90, 2),
        (3, 3),
        (3, 40),
        (17, 23),
        (33, 70),
    ],
)
@pytest.mark.parametrize("colours", [2, 5, 40])
def test_adjacency_equals_a_count_site_by_site(shape, colours):
    rng = np.random.default_rng(colours)
    labels = rng.integers(0, colours, shape).astype(np.int32)
    wide = np.kron(rng.integers(0, colours, shape), np.ones((2, 30), int)).astype(np.int32)
    for image in (labels, wide):
        edges, length = adjacency(image, colours)
        assert edges.dtype == length.dtype == np.int32
        assert edges.tolist() == sorted(edges.tolist())
        assert as_dict(image, colours) == boundary_lengths(image)


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (2, 2)])
def test_a_pair_of_sites_on_a_narrow_lattice_counts_once(shape):
    """On an axis of two sites, the neighbour to the left is the one to the right."""
    labels = np.arange(1, 1 + np.prod(shape), dtype=np.int32).reshape(shape)
    edges, length = adjacency(labels, labels.size)
    assert len(edges) == labels.size * (labels.size - 1)
    assert (length == 1).all()


def test_sorting_finds_the_same_pairs_as_a_full_matrix():
    """Sorting is used for more grains than fit a full matrix."""
    labels = blocks(96, 12, seed=1, empty=0.2)
    edges, length = adjacency(labels, int(labels.max()))
    shifted = np.where(labels > 0, labels + DENSE, 0).astype(np.int32)
    sorted_edges, sorted_length = adjacency(shifted, int(shifted.max()))
    np.testing.assert_array_equal(sorted_edges, edges + DENSE)
    np.testing.assert_array_equal(sorted_length, length)


@pytest.mark.parametrize("labels_from", [1, DENSE + 1])
@pytest.mark.parametrize("rows", [1, 7, 95, 96])
def test_counting_in_blocks_of_rows_changes_nothing(monkeypatch, labels_from, rows):
    labels = blocks(96, 12, seed=1, empty=0.2)
    labels[labels > 0] += labels_from - 1
    whole = adjacency(labels, int(labels.max()))
    monkeypatch.setattr(boundaries, "BLOCK", 96 * rows)
    for one, other in zip(adjacency(labels, int(labels.max())), whole, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)


@pytest.mark.parametrize("periodic", [(True, True), (False, True), (True, False), (False, False)])
@pytest.mark.parametrize("shape", [(2, 7), (7, 2), (40, 40), (17, 90)])
@pytest.mark.parametrize("labels_from", [1, DENSE + 1])
def test_leaving_out_rows_without_a_grain_changes_nothing(periodic, shape, labels_from):
    rng = np.random.default_rng(6)
    for _ in range(10):
        labels = np.where(rng.random((shape[0], 1)) < 0.5, rng.integers(0, 9, shape), 0).astype(np.int32)
        labels[labels > 0] += labels_from - 1
        n = labels_from + 8
        skipped = adjacency(labels, n, periodic, (labels > 0).any(axis=1))
        for one, other in zip(skipped, adjacency(labels, n, periodic), strict=True):
            np.testing.assert_array_equal(one, other, strict=True)


def test_labels_out_of_range_are_found_wherever_they_lie():
    for wrong in (-1, 4, 2**31 - 1, -(2**31)):
        for place in np.ndindex(5, 20):
            labels = np.ones((5, 20), np.int32)
            labels[place] = wrong
            for image in (labels, np.ascontiguousarray(labels.T)):
                with pytest.raises(ValueError, match="outside"):
                    adjacency(image, 3)


def test_sites_that_are_grains_have_eight_neighbours_each():
    labels = np.random.default_rng(0).permutation(256 * 256).reshape(256, 256).astype(np.int32) + 1
    edges, length = adjacency(labels, labels.size)
    assert edges.shape == (8 * labels.size, 2)
    assert (length == 1).all()
    assert (np.bincount(edges[:, 0]) == 8).all()


@pytest.mark.parametrize("empty", [0.0, 0.3])
def test_adjacency_is_invariant_under_symmetries_and_follows_renumbering(empty):
    labels = blocks(60, 6, seed=2, empty=empty)
    n = int(labels.max())
    lengths = as_dict(labels, n)
    assert lengths
    for image in (np.roll(labels, (17, 41), (0, 1)), np.rot90(labels), labels.T, labels[::-1]):
        assert as_dict(image, n) == lengths
    new = np.random.default_rng(0).permutation(n)
    renumbered = as_dict(np.concatenate([[0], new + 1]).astype(np.int32)[labels], n)
    assert renumbered == {(int(new[a]), int(new[b])): k for (a, b), k in lengths.items()}


def test_labels_out_of_range_and_other_shapes_are_refused():
    for wrong in (np.full((3, 3), 4), np.full((3, 3), -1), np.diag([1, 2, 4]), np.diag([1, -2, 3])):
        with pytest.raises(ValueError, match="outside"):
            adjacency(wrong, 3)
    with pytest.raises(ValueError, match="axes"):
        adjacency(np.zeros(3), 3)


def slow_hops(edges, n, sources):
    distance, queue = [-1] * n, deque(sources)
    for source in sources:
        distance[source] = 0
    while queue:
        node = queue.popleft()
        for a, b in edges:
            if a == node and distance[b] < 0:
                distance[b] = distance[node] + 1
                queue.append(b)
    return distance


def test_hop_distances_equal_a_breadth_first_search():
    rng = np.random.default_rng(4)
    for _ in range(50):
        n = int(rng.integers(1, 30))
        half = rng.integers(0, n, (int(rng.integers(0, 30)), 2))
        edges = np.concatenate([half, half[:, ::-1]])
        sources = rng.integers(0, n, int(rng.integers(0, 3)))
        assert hop_distance(edges, n, sources).tolist() == slow_hops(edges.tolist(), n, sources.tolist())


@pytest.mark.parametrize("hops", [0, 1, 2, 3, 50])
def test_a_k_hop_subgraph_keeps_the_grains_within_k_hops(hops):
    whole = microstructure(blocks(80, 9, seed=5), candidate=31)
    subgraph = k_hop_subgraph(whole, hops)
    assert (subgraph.name, subgraph.group) == (whole.name, whole.group)
    distance = hop_distance(whole.edges, whole.grain_id.size, [31])
    reached = np.flatnonzero(distance <= hops)
    assert subgraph.grain_id.tolist() == whole.grain_id[reached].tolist()
    assert subgraph.candidate.sum() == 1
    assert subgraph.grain_id[subgraph.candidate] == whole.grain_id[31]
    np.testing.assert_array_equal(subgraph.degree, whole.degree[reached])
    for subgraph_areas, areas in zip(subgraph.areas, whole.areas, strict=True):
        np.testing.assert_array_equal(subgraph_areas, areas[:, reached])
    restored = np.concatenate([[0], reached + 1])[subgraph.labels]
    np.testing.assert_array_equal(restored, np.where(np.isin(whole.labels, reached + 1), whole.labels, 0))
    edges, length = adjacency(subgraph.labels, reached.size)
    np.testing.assert_array_equal(subgraph.edges, edges)
    np.testing.assert_array_equal(subgraph.boundary_length, length)
    for key in ("labels", "edges", "boundary_length", "degree", "grain_id"):
        assert getattr(subgraph, key).dtype == np.int32, key
    for radius in range(hops + 1):
        np.testing.assert_array_equal(k_hop_subgraph(subgraph, radius).labels, k_hop_subgraph(whole, radius).labels)


def test_no_limit_of_hops_keeps_the_whole_graph():
    whole = microstructure(blocks(40, 4, seed=6))
    assert k_hop_subgraph(whole, None) is whole
    with pytest.raises(ValueError, match="hop"):
        k_hop_subgraph(whole, -1)
