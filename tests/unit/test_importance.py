"""Permutation importance and hop radius: what is used is found, what is not costs nothing."""

import numpy as np
import pytest

from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO
from graincast.explanation import hop_radius
from graincast.explanation.importance import BOUNDARIES, CANDIDATE, GRAINS, importance, parts
from graincast.features.table import FeatureTable
from tests.tables import feature_table

FOLDS = {"one": np.array(["train", "test", "validation", "test"] * 20)}
REPEATED = {"one": FOLDS["one"], "two": np.roll(FOLDS["one"], 1), "three": np.roll(FOLDS["one"], 2)}


def of_candidate(fold: str, data: FeatureTable) -> np.ndarray:
    """A model that looks at the first feature of the candidate and, a little, at the second of its graph's grains."""
    first = data.x[data.candidate_index, 0]
    others = np.add.reduceat(data.x[:, 1], data.node_ptr[:-1]) - data.x[data.candidate_index, 1]
    return 1 / (1 + np.exp(-(first - 5) - 0.02 * (others / np.diff(data.node_ptr) - 5)))


def truth(data: FeatureTable, kind: str) -> np.ndarray:
    probability = of_candidate("", data)
    return probability > 0.5 if kind == ABNORMAL else probability


@pytest.mark.parametrize("kind", [ABNORMAL, GROWTH_RATIO])
@pytest.mark.parametrize("subsets", [FOLDS, REPEATED], ids=["once", "repeated"])
def test_what_a_model_uses_is_important_and_what_it_does_not_use_costs_nothing(subsets, kind):
    data = feature_table(80)
    found = importance(of_candidate, data, subsets, truth(data, kind), kind)
    top = found[0]
    assert (top.feature, top.of) == ("c0", CANDIDATE)
    assert top.interval and top.interval[0] > 0
    used = {("c0", CANDIDATE), ("c1", GRAINS)}
    for one in found:
        if (one.feature, one.of) not in used:
            assert one.loss == 0 and one.interval[0] <= 0 <= one.interval[1]
    assert {(one.feature, one.of) for one in found} == set(parts(data))
    assert {one.of for one in found} == {CANDIDATE, GRAINS, BOUNDARIES}


def test_a_useless_feature_of_a_noisy_model_has_an_interval_around_zero():
    data, rng = feature_table(80), np.random.default_rng(1)
    true = rng.random(80) < 0.5
    found = importance(of_candidate, data, FOLDS, true, ABNORMAL)
    for one in found:
        assert one.interval[0] <= 0 <= one.interval[1], one


def test_permutations_depend_on_nothing_but_names():
    data = feature_table(80)
    first, second = (importance(of_candidate, data, FOLDS, truth(data, ABNORMAL), ABNORMAL) for _ in range(2))
    assert first == second


def test_a_model_of_the_candidate_needs_no_neighbour_and_one_of_its_neighbours_needs_one_hop():
    data = feature_table(80)

    def of_neighbours(fold: str, table: FeatureTable) -> np.ndarray:
        source, target = table.flat_edges.T
        total = np.bincount(target, table.x[source, 0], minlength=len(table.x))
        count = np.bincount(target, minlength=len(table.x))
        return 1 / (1 + np.exp(-4 * (total / count - 5)))[table.candidate_index]

    def accuracy(model) -> dict[int | None, float]:
        true = model("", data) > 0.5
        curve = hop_radius.curve(model, data, FOLDS, true, ABNORMAL, "accuracy")
        return {one.hops: one.value for one in curve}

    only = accuracy(lambda fold, table: 1 / (1 + np.exp(5 - table.x[table.candidate_index, 0])))
    near = accuracy(of_neighbours)
    assert set(only.values()) == {1.0} and len(only) > 2
    assert near[0] < 0.8 and near[1] == near[None] == 1.0


def test_hidden_grains_and_their_boundaries_are_average_ones():
    data = feature_table(20)
    train = np.arange(20) < 10
    hops = hop_radius.hops_of(data)
    assert (hops[data.candidate] == 0).all()
    found = hop_radius.hidden(data, hops, 1, train, data)
    near = hops <= 1
    np.testing.assert_array_equal(found.x[near], data.x[near])
    inside = np.repeat(train, np.diff(data.node_ptr)) & ~data.candidate
    np.testing.assert_allclose(found.x[~near], np.tile(data.x[inside].mean(axis=0), ((~near).sum(), 1)))
    touching = (~near)[data.flat_edges].any(axis=1)
    np.testing.assert_array_equal(found.edge_x[~touching], data.edge_x[~touching])
    assert np.unique(found.edge_x[touching]).size == 1
