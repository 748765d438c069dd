"""Features of a candidate grain's surroundings: one entry per feature. Its value stands at the candidate; 0 elsewhere.

Shell h holds the grains h hops from the candidate. "Red" and "blue" are grains of high and low mobility, a "boundary"
is a boundary length (graphs/boundaries.py), a "distance" that of a grain's centroid to the candidate's. A red grain is
reached through b blue grains if the path to it that enters the fewest enters b. Where the graph was cut, only the
grains that are left count. Those named relative_… are divided by the candidate's area.
"""

import math
from collections.abc import Mapping

import numpy as np

from graincast.features.feature import Feature, Measured
from graincast.microstructure import HIGH_MOBILITY, Microstructure

SHELLS, CLUSTERS, POWERS = 4, 3, (1, 2, 3)
FAST, SLOW = 1.0, 0.001
"""Mobility of the candidate's boundaries with red and with blue grains (DeCost & Holm 2017)."""


def at_candidate(name: str, unit: str, formula: str) -> Feature:
    """The feature of a candidate grain that `surroundings` returns by this name."""

    def column(measured: Measured) -> np.ndarray:
        one = measured.microstructure
        values = np.zeros(one.grain_id.size)
        values[one.candidate_index] = measured.shared(surroundings)[name]
        return values

    return Feature(column, unit, formula)


def surroundings(measured: Measured) -> dict[str, float]:
    """All features of a candidate grain's surroundings, by name."""
    # compiled; the names of features are read without them
    from graincast.graphs.blue_paths import blue_grains_entered
    from graincast.graphs.k_hop_subgraph import hop_distance

    m = measured.microstructure
    area, red = m.area.astype(float), m.grain_type == HIGH_MOBILITY
    hop = hop_distance(m.edges, red.size, np.array([m.candidate_index]))
    entered = blue_grains_entered(m.edges, red, m.candidate_index)
    away = _separations(m, measured.shapes)
    distance = np.hypot(away[0], away[1])
    found = {
        **_of_shells(m, area, red, hop),
        **_of_clusters(np.where(red, entered, -1), area, hop, distance),
        **_of_distances(area[red], distance[red], away[:, red]),
    }
    own_area = area[m.candidate_index]
    divided = [name for name in found if "_area" in name]
    relative = {f"relative_{name}": found[name] / own_area for name in divided}
    return {**found, **relative, **_of_candidate(m, area, red, measured.shapes)}


def _separations(m: Microstructure, shapes: Mapping[str, np.ndarray]) -> np.ndarray:
    """Components of the shortest vector from the candidate's centroid to each grain's, float64 [2, n]."""
    away = np.stack([shapes["centroid_row"], shapes["centroid_col"]])
    away -= away[:, m.candidate_index, None]
    for axis, size in enumerate(m.labels.shape):
        if m.periodic[axis]:
            away[axis] -= size * np.round(away[axis] / size)
    return away


def _of_shells(m: Microstructure, area: np.ndarray, red: np.ndarray, hop: np.ndarray) -> dict[str, float]:
    in_shells = (hop > 0) & (hop <= SHELLS)
    kind = np.where(in_shells, 2 * hop + red, 0)
    source, target = m.edges.T
    outwards = hop[target] == hop[source] + 1
    values = {
        "grains": np.bincount(kind, minlength=2 * SHELLS + 2),
        "area": np.bincount(kind, area, minlength=2 * SHELLS + 2),
        "boundary": np.bincount(kind[target], m.boundary_length * outwards, minlength=2 * SHELLS + 2),
    }
    found = {
        f"shell{shell}_{colour}_{name}": float(value[2 * shell + (colour == "red")])
        for shell in range(1, SHELLS + 1)
        for colour in ("red", "blue")
        for name, value in values.items()
    }
    onwards = outwards & (hop[source] == 1) & red[source]
    for colour, others in (("red", red), ("blue", ~red)):
        found[f"red_to_{colour}_boundary"] = float(m.boundary_length[onwards & others[target]].sum())
    return found


def _of_clusters(entered: np.ndarray, area: np.ndarray, hop: np.ndarray, distance: np.ndarray) -> dict[str, float]:
    """entered: the fewest blue grains on the way to each red grain; -1 for other grains."""
    found = {}
    for number in range(CLUSTERS):
        inside = np.flatnonzero(entered == number)
        found[f"red_cluster{number}_grains"] = float(inside.size)
        found[f"red_cluster{number}_area"] = float(area[inside].sum())
        found[f"red_cluster{number}_hops"] = float(hop[inside].max(initial=0))
        found[f"red_cluster{number}_distance"] = float(distance[inside].max(initial=0))
    return found


def _of_distances(area: np.ndarray, distance: np.ndarray, away: np.ndarray) -> dict[str, float]:
    """Sums over red grains; a centroid within one lattice spacing counts as one away."""
    distance = np.maximum(distance, 1)
    pull = area / distance**2
    total = pull.sum()
    found = {f"red_area_over_distance{power}": float((area / distance**power).sum()) for power in POWERS}
    return {**found, "red_asymmetry": float(np.hypot(*(away / distance) @ pull) / total) if total else 0.0}


def _of_candidate(
    m: Microstructure, area: np.ndarray, red: np.ndarray, shapes: Mapping[str, np.ndarray]
) -> dict[str, float]:
    c = m.candidate_index
    own = m.edges[:, 0] == c
    neighbour, length = m.edges[own, 1], m.boundary_length[own].astype(float)
    is_red = red[neighbour]
    mobility = np.where(is_red, FAST, SLOW)
    curvature = np.sqrt(math.pi / area)
    perimeter, major = shapes["perimeter"][c], shapes["major_axis_length"][c]
    return {
        "candidate_area": area[c],
        "candidate_perimeter": perimeter,
        "candidate_neighbours": float(m.degree[c]),
        "candidate_roundness": 4 * math.pi * area[c] / perimeter**2 if perimeter else 0.0,
        "candidate_axis_ratio": shapes["minor_axis_length"][c] / major if major else 1.0,
        "candidate_relative_area": area[c] / m.mean_area,
        "candidate_area_over_neighbours": area[c] / area[neighbour].mean() if neighbour.size else 1.0,
        "red_boundary_fraction": length[is_red].sum() / max(length.sum(), 1),
        "red_neighbour_size": float((length * np.sqrt(area[neighbour]))[is_red].sum()),
        "driving_force": float((length * mobility * (curvature[neighbour] - curvature[c])).sum()),
        "von_neumann_mullins": float(mobility.mean() * (m.degree[c] - 6)) if neighbour.size else 0.0,
    }


SHELL_FEATURES = {
    "shell1_red_grains": at_candidate("shell1_red_grains", "", "number of red grains, 1 hop away"),
    "shell1_red_area": at_candidate("shell1_red_area", "sites", "their area"),
    "shell1_red_boundary": at_candidate(
        "shell1_red_boundary", "pairs of sites", "their boundary with the grains one hop nearer to the candidate"
    ),
    "relative_shell1_red_area": at_candidate("relative_shell1_red_area", "", "their area / the candidate's area"),
    "shell1_blue_grains": at_candidate("shell1_blue_grains", "", "number of blue grains, 1 hop away"),
    "shell1_blue_area": at_candidate("shell1_blue_area", "sites", "their area"),
    "shell1_blue_boundary": at_candidate(
        "shell1_blue_boundary", "pairs of sites", "their boundary with the grains one hop nearer to the candidate"
    ),
    "relative_shell1_blue_area": at_candidate("relative_shell1_blue_area", "", "their area / the candidate's area"),
    "shell2_red_grains": at_candidate("shell2_red_grains", "", "number of red grains, 2 hops away"),
    "shell2_red_area": at_candidate("shell2_red_area", "sites", "their area"),
    "shell2_red_boundary": at_candidate(
        "shell2_red_boundary", "pairs of sites", "their boundary with the grains one hop nearer to the candidate"
    ),
    "relative_shell2_red_area": at_candidate("relative_shell2_red_area", "", "their area / the candidate's area"),
    "shell2_blue_grains": at_candidate("shell2_blue_grains", "", "number of blue grains, 2 hops away"),
    "shell2_blue_area": at_candidate("shell2_blue_area", "sites", "their area"),
    "shell2_blue_boundary": at_candidate(
        "shell2_blue_boundary", "pairs of sites", "their boundary with the grains one hop nearer to the candidate"
    ),
    "relative_shell2_blue_area": at_candidate("relative_shell2_blue_area", "", "their area / the candidate's area"),
    "shell3_red_grains": at_candidate("shell3_red_grains", "", "number of red grains, 3 hops away"),
    "shell3_red_area": at_candidate("shell3_red_area", "sites", "their area"),
    "shell3_red_boundary": at_candidate(
        "shell3_red_boundary", "pairs of sites", "their boundary with the grains one hop nearer to the candidate"
    ),
    "relative_shell3_red_area": at_candidate("relative_shell3_red_area", "", "their area / the candidate's area"),
    "shell3_blue_grains": at_candidate("shell3_blue_grains", "", "number of blue grains, 3 hops away"),
    "shell3_blue_area": at_candidate("shell3_blue_area", "sites", "their area"),
    "shell3_blue_boundary": at_candidate(
        "shell3_blue_boundary", "pairs of sites", "their boundary with the grains one hop nearer to the candidate"
    ),
    "relative_shell3_blue_area": at_candidate("relative_shell3_blue_area", "", "their area / the candidate's area"),
    "shell4_red_grains": at_candidate("shell4_red_grains", "", "number of red grains, 4 hops away"),
    "shell4_red_area": at_candidate("shell4_red_area", "sites", "their area"),
    "shell4_red_boundary": at_candidate(
        "shell4_red_boundary", "pairs of sites", "their boundary with the grains one hop nearer to the candidate"
    ),
    "relative_shell4_red_area": at_candidate("relative_shell4_red_area", "", "their area / the candidate's area"),
    "shell4_blue_grains": at_candidate("shell4_blue_grains", "", "number of blue grains, 4 hops away"),
    "shell4_blue_area": at_candidate("shell4_blue_area", "sites", "their area"),
    "shell4_blue_boundary": at_candidate(
        "shell4_blue_boundary", "pairs of sites", "their boundary with the grains one hop nearer to the candidate"
    ),
    "relative_shell4_blue_area": at_candidate("relative_shell4_blue_area", "", "their area / the candidate's area"),
    "red_cluster0_grains": at_candidate(
        "red_cluster0_grains", "", "number of red grains connected to the candidate by red grains alone"
    ),
    "red_cluster0_area": at_candidate("red_cluster0_area", "sites", "their area"),
    "red_cluster0_hops": at_candidate("red_cluster0_hops", "", "hops to the farthest of them"),
    "red_cluster0_distance": at_candidate(
        "red_cluster0_distance", "lattice spacings", "distance of the farthest of them"
    ),
    "relative_red_cluster0_area": at_candidate("relative_red_cluster0_area", "", "their area / the candidate's area"),
    "red_cluster1_grains": at_candidate(
        "red_cluster1_grains", "", "number of red grains reached through one blue grain"
    ),
    "red_cluster1_area": at_candidate("red_cluster1_area", "sites", "their area"),
    "red_cluster1_hops": at_candidate("red_cluster1_hops", "", "hops to the farthest of them"),
    "red_cluster1_distance": at_candidate(
        "red_cluster1_distance", "lattice spacings", "distance of the farthest of them"
    ),
    "relative_red_cluster1_area": at_candidate("relative_red_cluster1_area", "", "their area / the candidate's area"),
    "red_cluster2_grains": at_candidate(
        "red_cluster2_grains", "", "number of red grains reached through two blue grains"
    ),
    "red_cluster2_area": at_candidate("red_cluster2_area", "sites", "their area"),
    "red_cluster2_hops": at_candidate("red_cluster2_hops", "", "hops to the farthest of them"),
    "red_cluster2_distance": at_candidate(
        "red_cluster2_distance", "lattice spacings", "distance of the farthest of them"
    ),
    "relative_red_cluster2_area": at_candidate("relative_red_cluster2_area", "", "their area / the candidate's area"),
    "red_area_over_distance1": at_candidate(
        "red_area_over_distance1", "lattice spacings", "Σ area / distance over red grains"
    ),
    "relative_red_area_over_distance1": at_candidate(
        "relative_red_area_over_distance1", "1 / lattice spacing", "the same / the candidate's area"
    ),
    "red_area_over_distance2": at_candidate("red_area_over_distance2", "", "Σ area / distance² over red grains"),
    "relative_red_area_over_distance2": at_candidate(
        "relative_red_area_over_distance2", "1 / site", "the same / the candidate's area"
    ),
    "red_area_over_distance3": at_candidate(
        "red_area_over_distance3", "1 / lattice spacing", "Σ area / distance³ over red grains"
    ),
    "relative_red_area_over_distance3": at_candidate(
        "relative_red_area_over_distance3", "1 / lattice spacing³", "the same / the candidate's area"
    ),
    "red_asymmetry": at_candidate(
        "red_asymmetry",
        "",
        "length of the mean direction to red grains, weighted by area / distance²: 1 if all lie on one side",
    ),
    "red_to_red_boundary": at_candidate(
        "red_to_red_boundary", "pairs of sites", "boundary of red grains one hop away with red grains two hops away"
    ),
    "red_to_blue_boundary": at_candidate(
        "red_to_blue_boundary", "pairs of sites", "boundary of red grains one hop away with blue grains two hops away"
    ),
    "red_boundary_fraction": at_candidate(
        "red_boundary_fraction", "", "fraction of the candidate's boundary that is with red grains"
    ),
    "red_neighbour_size": at_candidate(
        "red_neighbour_size", "pairs of sites x lattice spacings", "Σ boundary √area over red neighbours"
    ),
    "candidate_area": at_candidate("candidate_area", "sites", "area of the candidate"),
    "candidate_perimeter": at_candidate("candidate_perimeter", "lattice spacings", "its perimeter (scikit-image's)"),
    "candidate_neighbours": at_candidate(
        "candidate_neighbours", "", "its number of neighbours, before any cut by hops"
    ),
    "candidate_roundness": at_candidate("candidate_roundness", "", "4 π area / perimeter²"),
    "candidate_axis_ratio": at_candidate("candidate_axis_ratio", "", "minor_axis_length / major_axis_length"),
    "candidate_relative_area": at_candidate("candidate_relative_area", "", "area / mean grain area of the map"),
    "candidate_area_over_neighbours": at_candidate(
        "candidate_area_over_neighbours", "", "area / mean area of its neighbours"
    ),
    "driving_force": at_candidate(
        "driving_force", "", "Σ boundary mobility (1 / R - 1 / R of the candidate) over its neighbours, R = √(area / π)"
    ),
    "von_neumann_mullins": at_candidate(
        "von_neumann_mullins", "", "mean mobility of its boundaries x (number of neighbours - 6)"
    ),
}
