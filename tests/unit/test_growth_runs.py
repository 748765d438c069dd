"""The choice among growth runs, by number or by name."""

from dataclasses import replace

import numpy as np
import pytest

from graincast.graphs.from_labels import from_labels
from graincast.graphs.growth_runs import chosen
from graincast.microstructure import BadInput
from tests.tables import microstructure

NAMES = ["1", "3", "run_7", "hot"]
FOUR = replace(microstructure("a", 1, records=(2, 3, 4, 5)), runs=NAMES)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, [0, 1, 2, 3]),
        (1, [0]),
        (4, [0, 1, 2, 3]),
        (["1"], [0]),
        (["run_1", "run_3"], [0, 1]),
        (["3", "1"], [1, 0]),
        (["7"], [2]),
        (["run_7", "hot"], [2, 3]),
        (["run_hot"], [3]),
    ],
)
def test_runs_are_chosen_with_their_records(choice, expected):
    found = chosen(FOUR, choice)
    assert found.runs == [NAMES[i] for i in expected]
    for run, i in enumerate(expected):
        np.testing.assert_array_equal(found.times[run], FOUR.times[i])
        np.testing.assert_array_equal(found.areas[run], FOUR.areas[i])
    assert (found.labels is FOUR.labels, found.name) == (True, "a")


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (5, r"5 growth runs are to be kept, but it has 4 \(1, 3, run_7, hot\)"),
        (["1", "run_2"], r"no growth run run_2 \(it has 1, 3, run_7, hot\)"),
        (["cold"], "no growth run cold"),
    ],
)
def test_missing_runs_are_named(choice, reason):
    with pytest.raises(BadInput, match=reason):
        chosen(FOUR, choice)


@pytest.mark.parametrize("choice", [1, ["1"]])
def test_a_state_without_growth_has_none_to_choose(choice):
    state = from_labels("map", np.array([[1, 2]]), (True, True))
    assert chosen(state, None) is state
    with pytest.raises(BadInput, match=r"\(.*none\)"):
        chosen(state, choice)
