"""Misorientations: known cases, bounds and invariances of crystal symmetry, and a double loop over it."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from graincast.graphs.orientations import LAUE_GROUPS, from_euler, misorientation

RNG = np.random.default_rng(0)
CUBIC, HEXAGONAL = LAUE_GROUPS.index("m-3m"), LAUE_GROUPS.index("6/mmm")
POINT_GROUPS = dict(zip(LAUE_GROUPS, ("C1", "C2", "D2", "C4", "D4", "C3", "D3", "C6", "D6", "T", "O"), strict=True))
ORDERS = {"-1": 1, "2/m": 2, "mmm": 4, "4/m": 4, "4/mmm": 8, "-3": 3, "-3m": 6, "6/m": 6, "6/mmm": 12, "m-3": 12}
ORDERS["m-3m"] = 24
MAXIMA = {"m-3m": 62.80, "6/mmm": 93.84, "m-3": 90.0, "4/mmm": 98.42, "-3m": 104.48, "mmm": 120.0, "-1": 180.0}
"""The largest possible misorientations, degrees (Mackenzie 1958; Heinz and Neumann 1991)."""


def turns(axis, degrees):
    """Crystal orientations turned about axes of the crystal."""
    return Rotation.from_rotvec(np.radians(degrees) * np.array(axis) / np.linalg.norm(axis))


def angle(a, b, laue=CUBIC, other=None):
    """Between two orientations, degrees."""
    both = np.stack([a.as_quat(), b.as_quat()])
    return misorientation(both, np.array([laue, laue if other is None else other]), 1)[0]


def group(laue):
    name = LAUE_GROUPS[laue]
    return Rotation.create_group(POINT_GROUPS[name], axis="Y" if name == "2/m" else "Z")


@pytest.mark.parametrize("laue", range(len(LAUE_GROUPS)))
def test_equivalent_orientations_are_not_misoriented(laue):
    symmetries = group(laue)
    assert len(symmetries) == ORDERS[LAUE_GROUPS[laue]]
    one = Rotation.random(random_state=1)
    equivalent = (symmetries * one).as_quat()
    np.testing.assert_allclose(misorientation(equivalent, np.full(len(equivalent), laue), 0), 0, atol=1e-5)


@pytest.mark.parametrize(
    ("axis", "degrees", "expected"),
    [
        ([1, 1, 1], 60, 60),
        ([-1, 1, 1], 60, 60),
        ([1, 1, 1], 120, 0),
        ([0, 0, 1], 45, 45),
        ([0, 1, 0], 90, 0),
        ([0, 0, 1], 80, 10),
        ([1, 1, 0], 180, 0),
        ([1, 1, 0], 38.94, 38.94),
        ([1, 2, 3], 5, 5),
    ],
)
def test_known_cases_of_cubic_crystals(axis, degrees, expected):
    one = Rotation.random(random_state=2)
    assert angle(turns(axis, degrees) * one, one) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("axis", "degrees", "expected"),
    [([0, 0, 1], 60, 0), ([0, 0, 1], 30, 30), ([1, 0, 0], 90, 90), ([1, 0, 0], 180, 0), ([0, 0, 1], 50, 10)],
)
def test_known_cases_of_hexagonal_crystals(axis, degrees, expected):
    one = Rotation.random(random_state=3)
    assert angle(turns(axis, degrees) * one, one, HEXAGONAL) == pytest.approx(expected, abs=1e-5)


def brute(a, b, laue, other):
    """The smallest angle over all pairs of symmetry operations, one by one."""
    angles = [
        (s * a * (t * b).inv()).magnitude()
        for s in (group(laue)[i] for i in range(len(group(laue))))
        for t in (group(other)[i] for i in range(len(group(other))))
    ]
    return np.degrees(min(angles))


@pytest.mark.parametrize("laue", range(len(LAUE_GROUPS)))
@pytest.mark.parametrize("other", [0, 1, 4, 6, CUBIC])
def test_they_are_the_least_over_both_crystals(laue, other):
    for seed in range(2):
        a, b = Rotation.random(random_state=seed), Rotation.random(random_state=seed + 50)
        assert angle(a, b, laue, other) == pytest.approx(brute(a, b, laue, other), abs=1e-5)


@pytest.mark.parametrize("laue", [CUBIC, HEXAGONAL, LAUE_GROUPS.index("-3m"), LAUE_GROUPS.index("mmm")])
def test_invariances(laue):
    a, b, common = (Rotation.random(random_state=seed) for seed in range(3))
    expected = angle(a, b, laue)
    assert angle(b, a, laue) == pytest.approx(expected, abs=1e-9)
    assert angle(a * common, b * common, laue) == pytest.approx(expected, abs=1e-9)  # another sample frame
    assert angle(group(laue)[1] * a, group(laue)[2] * b, laue) == pytest.approx(expected, abs=1e-9)
    both = np.stack([-3 * a.as_quat(), b.as_quat()])  # sign and length mean nothing
    assert misorientation(both, np.array([laue, laue]), 1)[0] == pytest.approx(expected, abs=1e-9)


def test_with_symmetry_the_order_of_rotations_matters():
    """A turn about axes of the sample is not one about axes of the crystal."""
    one = Rotation.random(random_state=4)
    assert angle(one * turns([0, 0, 1], 90), one) > 1


@pytest.mark.parametrize(("name", "largest"), MAXIMA.items())
def test_they_reach_up_to_the_largest_possible(name, largest):
    random = Rotation.random(20_000, random_state=5).as_quat()
    found = misorientation(random, np.full(len(random), LAUE_GROUPS.index(name)), 0)
    assert 0.93 * largest < found.max() <= largest + 0.01


@pytest.mark.parametrize(
    ("laue", "corner", "largest"),
    [
        (CUBIC, [2**0.5 - 1, 2**0.5 - 1, 3 - 2 * 2**0.5], 62.80),
        (HEXAGONAL, [1, 2 - 3**0.5, 2 - 3**0.5], 93.84),
    ],
)
def test_the_largest_possible_is_found(laue, corner, largest):
    """A corner of the fundamental zone in Rodrigues space: vectors are axes times the tangent of half the turn."""
    half = np.arctan(np.linalg.norm(corner))
    assert angle(turns(corner, 2 * np.degrees(half)), Rotation.identity(), laue) == pytest.approx(largest, abs=0.01)


def test_euler_angles_are_bunges():
    """φ1 about z, Φ about x, φ2 about z turn the sample's axes into the crystal's; g is Bunge's matrix (1982)."""
    for p1, p, p2 in RNG.uniform(0, [2 * np.pi, np.pi, 2 * np.pi], (20, 3)):
        c1, s1, c, s, c2, s2 = np.cos(p1), np.sin(p1), np.cos(p), np.sin(p), np.cos(p2), np.sin(p2)
        g = [
            [c1 * c2 - s1 * s2 * c, s1 * c2 + c1 * s2 * c, s2 * s],
            [-c1 * s2 - s1 * c2 * c, -s1 * s2 + c1 * c2 * c, c2 * s],
            [s1 * s, -c1 * s, c],
        ]
        found = Rotation.from_quat(from_euler(np.array([[p1, p, p2]]))[0])
        np.testing.assert_allclose(found.as_matrix(), g, atol=1e-12)


def test_small_misorientations_are_not_lost_to_rounding():
    one = Rotation.random(random_state=6)
    for degrees in (1e-3, 0.01, 0.1):
        assert angle(turns([1, 2, 3], degrees) * one, one) == pytest.approx(degrees, rel=1e-3)
