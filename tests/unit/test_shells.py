"""Features of a candidate grain's surroundings: values in hand-made cases, and against other ways to compute them."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from graincast.features.feature import Measured
from graincast.features.named import measured
from graincast.features.nodes import NODE_FEATURES
from graincast.features.shells import SHELL_FEATURES, surroundings
from graincast.graphs.blue_paths import blue_grains_entered
from graincast.graphs.boundaries import adjacency
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import Microstructure
from tests.tables import microstructure


@pytest.fixture(scope="module", params=range(4))
def grains(request) -> Microstructure:
    return microstructure("m", request.param, size=48, grains=60)


def stripes(types: list[int], width: int = 4, periodic: bool = False) -> Microstructure:
    """Vertical stripes of equal width, the first the candidate."""
    n = len(types)
    labels = np.tile(np.repeat(np.arange(1, n + 1, dtype=np.int32), width), (8, 1))
    edges, boundary_length = adjacency(labels, n, (periodic, periodic))
    area = np.full((1, n), 8 * width, np.int32)
    kinds = np.array(types, np.int8)
    return replace(
        microstructure("m", 0),
        labels=labels,
        grain_id=np.arange(n, dtype=np.int32),
        grain_type=kinds,
        candidate=kinds == 0,
        edges=edges,
        boundary_length=boundary_length,
        degree=np.bincount(edges[:, 0], minlength=n).astype(np.int32),
        areas=[area],
        periodic=(periodic, periodic),
    )


def test_stripes_have_the_values_that_can_be_counted():
    found = surroundings(Measured(stripes([0, 2, 2, 1, 2, 1, 1, 2])))
    length = 8 + 2 * 7  # sites beside each other, and both diagonals, at a straight boundary of 8 rows
    for shell, colour in enumerate(["red", "red", "blue", "red"], start=1):
        other = "blue" if colour == "red" else "red"
        for name, value in (("grains", 1), ("area", 32), ("boundary", length)):
            assert found[f"shell{shell}_{colour}_{name}"] == value
            assert found[f"shell{shell}_{other}_{name}"] == 0
    assert [found[f"red_cluster{i}_grains"] for i in range(3)] == [2, 1, 0]
    assert [found[f"red_cluster{i}_hops"] for i in range(3)] == [2, 4, 0]
    assert [found[f"red_cluster{i}_distance"] for i in range(3)] == [8, 16, 0]
    assert found["red_to_red_boundary"] == length and found["red_to_blue_boundary"] == 0
    assert found["red_area_over_distance2"] == pytest.approx(sum(32 / d**2 for d in (4, 8, 16, 28)))
    assert found["red_asymmetry"] == pytest.approx(1)
    assert found["red_boundary_fraction"] == 1 and found["candidate_area_over_neighbours"] == 1
    assert found["driving_force"] == pytest.approx(0) and found["von_neumann_mullins"] == -5


def test_distances_go_the_shortest_way_round_a_periodic_axis():
    found = surroundings(Measured(stripes([0, 1, 1, 1, 1, 2], periodic=True)))
    assert found["red_cluster0_distance"] == 4 and found["red_cluster0_hops"] == 1


def test_a_small_red_neighbour_drives_growth_and_a_large_one_drives_shrinkage():
    one = stripes([0, 2])
    for area, sign in (((30, 34), -1), ((34, 30), 1)):
        found = surroundings(Measured(replace(one, areas=[np.array([area], np.int32)])))
        assert np.sign(found["driving_force"]) == sign


def test_paths_enter_as_few_blue_grains_as_the_shortest_paths_of_networkx(grains):
    red = grains.grain_type == 2
    graph = nx.DiGraph()
    graph.add_weighted_edges_from((int(a), int(b), int(not red[b])) for a, b in grains.edges)
    expected = nx.single_source_dijkstra_path_length(graph, grains.candidate_index)
    entered = blue_grains_entered(grains.edges, red, grains.candidate_index)
    assert entered.tolist() == [expected[i] for i in range(red.size)]


def test_shells_hold_every_grain_once(grains):
    found = surroundings(Measured(grains))
    total = sum(found[f"shell{h}_{colour}_area"] for h in range(1, 5) for colour in ("red", "blue"))
    inner = k_hop_subgraph(grains, 4)
    assert total + found["candidate_area"] == inner.area.sum()
    assert sum(found[f"shell1_{colour}_grains"] for colour in ("red", "blue")) == (grains.edges[:, 0] == 0).sum()


def test_the_part_of_a_map_has_the_same_near_values(grains):
    """Grains beyond the cut change what reaches so far alone."""
    whole = surroundings(Measured(grains))
    cut = surroundings(Measured(k_hop_subgraph(grains, 2), Measured(grains)))
    for name in whole:
        if name.startswith(("shell1", "shell2", "candidate", "red_boundary", "red_to", "driving", "von")):
            assert cut[name] == pytest.approx(whole[name]), name


def test_values_stand_at_the_candidate_and_each_entry_has_one(grains):
    assert set(surroundings(Measured(grains))) == set(SHELL_FEATURES) <= set(NODE_FEATURES)
    values = measured(SHELL_FEATURES, list(SHELL_FEATURES), Measured(grains), grains.grain_id.size)
    found = surroundings(Measured(grains))
    assert values[grains.candidate_index].tolist() == [found[name] for name in SHELL_FEATURES]
    assert not np.delete(values, grains.candidate_index, axis=0).any()


def test_a_grain_alone_has_finite_values():
    one = stripes([0])
    assert all(np.isfinite(value) for value in surroundings(Measured(one)).values())
