"""Targets: growth runs are aggregated, then compared with the threshold."""

import numpy as np
import pytest

from graincast.experiment.targets import AGGREGATES, labels, of_data, rows
from graincast.microstructure import BadInput
from tests.tables import feature_table

RATIOS = [np.array([1.0, 2.0, 9.0]), np.array([10.0]), np.array([5.0, 5.0]), np.array([0.0, 0.0, 0.0, 8.0])]
# mean 4, 10, 5, 2; median 2, 10, 5, 0


@pytest.mark.parametrize(
    ("aggregate", "threshold", "expected"),
    [
        ("mean", 4, [False, True, True, False]),
        ("mean", 3.999, [True, True, True, False]),
        ("mean", 10, [False, False, False, False]),
        ("median", 2, [False, True, True, False]),
        ("median", 1.9, [True, True, True, False]),
        ("min", 1, [False, True, True, False]),
        ("max", 8, [True, True, False, False]),
        ("max", 7.9, [True, True, False, True]),
    ],
)
def test_aggregates_are_compared_strictly(aggregate, threshold, expected):
    abnormal = labels(RATIOS, threshold, aggregate)
    assert abnormal.dtype == bool
    assert abnormal.tolist() == expected


@pytest.mark.parametrize(
    ("threshold", "fraction", "expected"),
    [
        (5, 0.5, [False, True, False, False]),
        (4.9, 0.5, [False, True, True, False]),
        (5, 1 / 3, [False, True, False, False]),  # one of three is not more than a third
        (5, 0.3, [True, True, False, False]),
        (5, 0.2, [True, True, False, True]),
        (5, 1, [False, False, False, False]),
        (0, 0, [True, True, True, True]),
    ],
)
def test_a_fraction_of_runs_is_compared_strictly_twice(threshold, fraction, expected):
    assert labels(RATIOS, threshold, "fraction", fraction).tolist() == expected


def test_all_grains_may_be_of_one_class():
    assert labels(RATIOS, 0, "max").all()
    assert not labels(RATIOS, 100, "max").any()


@pytest.mark.parametrize("ratios", [RATIOS, []])
def test_an_unknown_aggregate_is_refused(ratios):
    with pytest.raises(ValueError, match="'sum' is none of mean, median, min, max, fraction"):
        labels(ratios, 1, "sum")


def test_all_aggregates_of_one_run_are_the_run_itself():
    ratios = [np.array([value]) for value in np.linspace(0, 20, 41)]
    for aggregate in [*AGGREGATES, "fraction"]:
        assert labels(ratios, 10, aggregate).tolist() == [runs[0] > 10 for runs in ratios]


def test_targets_of_candidates_and_of_all_grains():
    table = feature_table(12)
    ratios = table.candidate_ratios()
    abnormal = of_data(table, [5, 10])
    assert list(abnormal.values) == [5, 10]
    for threshold, values in abnormal.values.items():
        np.testing.assert_array_equal(values, labels(ratios, threshold, "mean"))
        np.testing.assert_array_equal(abnormal.all_values[threshold][table.candidate_index], values)
    growth = of_data(table, [None], kind="growth-ratio", grains="all", aggregate="max")
    assert growth.values[None].shape == (len(table.x),)
    for i, grain_ratios in enumerate(table.grain_ratios()):
        np.testing.assert_array_equal(growth.values[None][slice(*table.node_ptr[i : i + 2])], grain_ratios.max(axis=0))
    inside = np.arange(12) == 3
    np.testing.assert_array_equal(np.flatnonzero(rows(growth, table, inside)), range(*table.node_ptr[3:5]))
    assert rows(abnormal, table, inside) is inside


def test_a_target_that_the_data_do_not_have_is_refused():
    table = feature_table(3)
    for options, message in (({"kind": "label"}, "no labelled images"), ({}, "needs a threshold")):
        with pytest.raises(ValueError, match=message):
            of_data(table, [None], **options)


def test_soft_targets_are_learned_and_labels_stay_what_is_tested():
    table = feature_table(12)
    hard, soft = of_data(table, [5, 10]), of_data(table, [5, 10], soft=True)
    assert hard.learned is hard.values and hard.all_learned is hard.all_values
    for threshold in (5, 10):
        np.testing.assert_array_equal(soft.values[threshold], hard.values[threshold])
        expected = [np.mean(runs > threshold) for runs in table.candidate_ratios()]
        np.testing.assert_array_equal(soft.learned[threshold], expected)
        every = np.concatenate([np.mean(runs > threshold, axis=0) for runs in table.grain_ratios()])
        np.testing.assert_array_equal(soft.all_learned[threshold], every)
        np.testing.assert_array_equal(of_data(table, [threshold], grains="all", soft=True).learned[threshold], every)
    assert set(np.concatenate(list(soft.learned.values()))) - {0, 1}


def test_soft_targets_need_several_growth_runs_and_a_threshold():
    table = feature_table(12)
    one_run = table.selected(np.diff(table.growth_ptr) == 1)
    with pytest.raises(BadInput, match=r"^target.soft: no state has several growth runs; remove it, or add growth "):
        of_data(one_run, [5], soft=True)
    with pytest.raises(BadInput, match=r"^target.soft: no fraction of growth runs for kind growth-ratio; it is for "):
        of_data(table, [None], kind="growth-ratio", soft=True)
