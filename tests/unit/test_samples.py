"""Candidates and grain types by rule: which grains, which names, and what each rule cannot do."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from graincast.graphs.from_labels import from_labels
from graincast.graphs.orientations import LAUE_GROUPS
from graincast.graphs.samples import samples
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY, NO_TYPE, BadInput, GrainTable
from tests.tables import microstructure

LABELS = np.repeat(np.repeat([[3, 3, 9], [4, 7, 9], [5, 5, 5]], 4, axis=0), 5, axis=1)
"""Grains 3, 4, 5, 7 and 9, of which 7 alone lies within."""
IDS = [3, 4, 5, 7, 9]
TURNED = [0, 10, 30, 44, 60]
"""Degrees about the crystal's c axis from grain 3, in the order of ids."""
FRACTION = {"by": "fraction", "red": 0.4, "seed": 1}


def table(ids):
    turns = Rotation.from_rotvec([[0, 0, np.radians(angle)] for angle in TURNED])
    columns = {
        "kind": np.array(["low", "Red", "blue", "2", "1"]),
        "number": np.array([1.0, 2, 1, 1, 2]),
        "wanted": np.array([0.0, 1, np.nan, -2, 0]),
        "marked": np.array(["true", "no", "", "YES", "False"]),
        "wrong": np.array(["low", "green", "low", "low", "low"]),
    }
    return GrainTable((turns * Rotation.random(random_state=0)).as_quat(), None, cubic(5), columns)


def cubic(n):
    return np.full(n, LAUE_GROUPS.index("m-3m"), np.int8)


def map_of(periodic=(False, False)):
    return from_labels("map", LABELS, periodic, grains=table)


def chosen(rule, types=FRACTION, **options):
    return [int(one.grain_id[one.candidate_index]) for one in samples(map_of(**options), rule, types)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (None, IDS),
        ("all", IDS),
        ("largest", [5]),
        ("interior", [7]),
        ({"ids": [9, 3, 9]}, [3, 9]),
        ({"column": "wanted"}, [4, 7]),
        ({"column": "marked"}, [3, 7]),
    ],
)
def test_rules_choose_candidates(rule, expected):
    assert chosen(rule) == expected
    found = samples(map_of(), rule, FRACTION)
    assert [one.name for one in found] == [f"map@{grain}" for grain in expected]
    for one in found:
        assert one.group == "map"
        assert one.candidate.sum() == 1
        assert np.flatnonzero(one.grain_type == CANDIDATE).tolist() == [one.candidate_index]
        assert one.grain_type.dtype == np.int8


def test_samples_share_the_arrays_of_their_map():
    whole = map_of()
    for one in samples(whole, "all", FRACTION):
        assert all(getattr(one, key) is getattr(whole, key) for key in ("labels", "edges", "grain_id", "grains"))


def test_all_grains_are_interior_where_no_axis_has_an_end():
    assert chosen("interior", periodic=(True, True)) == IDS


def test_equally_large_grains_give_the_first():
    one = from_labels("map", np.array([[4, 4, 2, 2, 1]]), (True, True))
    (found,) = samples(one, "largest", FRACTION)
    assert found.name == "map@2"


def test_the_sources_candidate_is_kept_with_the_map_s_name():
    one = microstructure("run", 1)
    (found,) = samples(one, None, {"by": "meso"})
    assert found.name == "run"
    np.testing.assert_array_equal(found.grain_type, one.grain_type)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"ids": [3, 8]}, "no grain 8 among the 5, which candidates.ids names"),
        ({"column": "size"}, r"candidates.column: the grains have no column 'size' \(they have kind, number"),
        ({"column": "kind"}, "candidates.column: 'low' is neither a number nor true or false"),
    ],
)
def test_candidates_that_are_not_there_are_refused(rule, reason):
    with pytest.raises(BadInput, match=reason):
        samples(map_of(), rule, FRACTION)


def test_a_map_without_candidates_is_refused():
    with pytest.raises(BadInput, match="no grain of this map is one"):
        samples(from_labels("map", np.array([[1, 2, 3]]), (False, False)), "interior", FRACTION)


def test_a_rule_cannot_add_to_the_source_s_candidate():
    one = microstructure("run", 1)
    other = int(one.grain_id[3])
    with pytest.raises(BadInput, match=f"is typed as the candidate, but it is not grain {other}"):
        samples(one, {"ids": [other]}, {"by": "meso"})


def types_of(rule, grain=3):
    (found,) = samples(map_of(), {"ids": [grain]}, rule)
    return [0 if i == found.candidate_index else int(kind) for i, kind in enumerate(found.grain_type)]


@pytest.mark.parametrize(
    ("rule", "grain", "expected"),
    [
        ({"by": "column", "column": "kind"}, 3, [0, 2, 1, 2, 1]),
        ({"by": "column", "column": "number"}, 4, [1, 0, 1, 1, 2]),
        ({"by": "misorientation", "above": 15}, 3, [0, 1, 2, 2, 2]),  # cubic: a turn by 60 degrees about c is one by 30
        ({"by": "misorientation", "above": 35}, 3, [0, 1, 1, 2, 1]),
        ({"by": "misorientation", "above": 15}, 9, [2, 2, 2, 2, 0]),
        ({"by": "misorientation", "above": 62.9}, 3, [0, 1, 1, 1, 1]),
        ({"by": "fraction", "red": 0, "seed": 1}, 3, [0, 1, 1, 1, 1]),
        ({"by": "fraction", "red": 1, "seed": 1}, 3, [0, 2, 2, 2, 2]),
    ],
)
def test_rules_give_types(rule, grain, expected):
    assert types_of(rule, grain) == expected


def test_types_by_misorientation_go_by_each_candidate():
    for one in samples(map_of(), "all", {"by": "misorientation", "above": 15}):
        apart = np.abs(np.array(TURNED) - TURNED[one.candidate_index]) % 90
        red = np.minimum(apart, 90 - apart) > 15
        np.testing.assert_array_equal(one.grain_type == HIGH_MOBILITY, red)


def test_types_by_fraction_depend_on_nothing_but_the_group_the_grain_and_the_seed():
    whole = from_labels("map", np.arange(1, 2001).reshape(40, 50), (True, True))

    def drawn(m, seed=1, red=0.3):
        (found,) = samples(m, {"ids": [1]}, {"by": "fraction", "red": red, "seed": seed})
        return dict(zip(found.grain_id.tolist(), found.grain_type.tolist(), strict=True))

    everything = drawn(whole)
    reds = np.mean([kind == HIGH_MOBILITY for kind in everything.values()])
    assert abs(reds - 0.3) < 4 * np.sqrt(0.3 * 0.7 / 2000)
    assert set(everything.values()) == {CANDIDATE, LOW_MOBILITY, HIGH_MOBILITY}
    part = drawn(from_labels("map", np.arange(1, 2001).reshape(40, 50)[:7, ::3], (True, True)))
    assert part == {grain: everything[grain] for grain in part}
    more = drawn(whole, red=0.6)
    assert all(more[grain] == HIGH_MOBILITY for grain, kind in everything.items() if kind == HIGH_MOBILITY)
    for other in (drawn(whole, seed=2), drawn(replace(whole, group="another"))):
        assert 0.3 < np.mean([other[grain] == everything[grain] for grain in everything]) < 0.75


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"by": "meso"}, "the source encodes no grain types"),
        ({"by": "column", "column": "colour"}, "types.column: the grains have no column 'colour'"),
        ({"by": "column", "column": "wrong"}, "types.column: 'green' of grain 4 is none of 0, candidate, 1, low"),
    ],
)
def test_types_that_cannot_be_given_are_refused(rule, reason):
    with pytest.raises(BadInput, match=reason):
        samples(map_of(), "all", rule)


def test_types_by_misorientation_need_orientations():
    rule = {"by": "misorientation", "above": 15}
    bare = from_labels("map", LABELS, (False, False))
    with pytest.raises(BadInput, match="the source has no orientations"):
        samples(bare, "all", rule)
    whole = map_of()
    unknown = whole.grains.orientation.copy()
    unknown[3] = np.nan
    with pytest.raises(BadInput, match="grain 7 has no orientation"):
        samples(replace(whole, grains=replace(whole.grains, orientation=unknown)), "all", rule)
    with pytest.raises(BadInput, match="no crystal symmetry"):
        samples(replace(whole, grains=replace(whole.grains, laue=None)), "all", rule)


def test_a_map_alone_has_no_types_and_no_candidate():
    whole = map_of()
    assert (whole.grain_type == NO_TYPE).all() and not whole.candidate.any()
    assert (whole.runs, whole.times, whole.areas, whole.growth_ratios.shape) == ([], [], [], (0, 5))
    np.testing.assert_array_equal(whole.area, [np.count_nonzero(grain == LABELS) for grain in IDS])
    assert whole.mean_area == LABELS.size / 5
