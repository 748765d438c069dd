"""Every feature of grains and of boundaries: its shape, its values, and the symmetries that it declares.

A feature that is added to a table is tested as the others are.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from graincast.features.edges import EDGE_FEATURES
from graincast.features.feature import REFLECTION, ROTATION, SHIFT, SYMMETRIES, Feature, Measured
from graincast.features.nodes import NODE_FEATURES
from graincast.graphs.boundaries import adjacency
from graincast.microstructure import Microstructure
from tests.tables import microstructure

FEATURES = {**NODE_FEATURES, **EDGE_FEATURES}
MOVES: dict[str, list[Callable[[np.ndarray], np.ndarray]]] = {
    SHIFT: [lambda image, by=by: np.roll(image, by, (0, 1)) for by in [(5, 0), (0, 17), (31, 9)]],
    ROTATION: [lambda image, turns=turns: np.rot90(image, turns) for turns in (1, 2, 3)],
    REFLECTION: [np.flipud, np.fliplr, np.transpose],
}


@pytest.fixture(scope="module", params=[(32, 15, 1), (40, 60, 2), (48, 30, 5)], ids=str)
def grains(request) -> Microstructure:
    """No grain spans the image: where such a grain is cut may differ by one row in a mirror image (regionprops)."""
    size, count, seed = request.param
    made = microstructure("m", seed, size=size, grains=count, records=(2, 3))
    for label in range(1, made.grain_id.size + 1):
        mask = made.labels == label
        assert not mask.any(axis=0).all() and not mask.any(axis=1).all()
    return made


def moved(original: Microstructure, move: Callable[[np.ndarray], np.ndarray], seed: int) -> tuple:
    """A microstructure with a moved image, its grains in another order and its graph found anew.

    Returns it, the number of each of its grains in the original, and that of each of its edges.
    """
    n = original.grain_id.size
    order = np.random.default_rng(seed).permutation(n)
    labels = np.ascontiguousarray(move((np.append(0, np.argsort(order) + 1)[original.labels]).astype(np.int32)))
    edges, boundary_length = adjacency(labels, n)
    numbers = {tuple(edge): i for i, edge in enumerate(original.edges.tolist())}
    found = replace(
        original,
        labels=labels,
        grain_id=original.grain_id[order],
        grain_type=original.grain_type[order],
        candidate=original.candidate[order],
        edges=edges,
        boundary_length=boundary_length,
        degree=original.degree[order],
        areas=[area[:, order] for area in original.areas],
    )
    return found, order, [numbers[tuple(edge)] for edge in order[edges].tolist()]


def values_of(feature: Feature, of: Microstructure) -> np.ndarray:
    return np.asarray(feature.function(Measured(of)), float)


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_is_one_finite_number_per_grain_or_edge_and_says_what_it_is(name, grains):
    values = values_of(FEATURES[name], grains)
    assert values.shape == ((len(grains.edges),) if name in EDGE_FEATURES else (grains.grain_id.size,))
    assert np.isfinite(values).all()
    assert FEATURES[name].formula and "\n" not in FEATURES[name].formula
    assert set(FEATURES[name].invariances) <= set(SYMMETRIES) == set(MOVES)


@pytest.mark.parametrize(("name", "symmetry"), [(n, s) for n in FEATURES for s in FEATURES[n].invariances])
def test_a_feature_has_the_symmetries_that_it_declares(name, symmetry, grains):
    expected = values_of(FEATURES[name], grains)
    for seed, move in enumerate(MOVES[symmetry]):
        other, of_grain, of_edge = moved(grains, move, seed)
        assert not np.array_equal(other.labels, grains.labels)
        numbers = of_edge if name in EDGE_FEATURES else of_grain
        np.testing.assert_allclose(values_of(FEATURES[name], other), expected[numbers], rtol=1e-9, atol=1e-9)


def test_each_feature_has_one_name():
    assert not NODE_FEATURES.keys() & EDGE_FEATURES.keys()
