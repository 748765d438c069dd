"""Grids: points, names and jobs."""

import itertools
import re
from pathlib import Path

import pytest

from graincast.experiment import declaration, grid

AXES = {
    "threshold": [6, 10.5],
    "propagation_steps": [1, 2, 3],
    "learning_rate": [0.01],
    "weight_decay": [0, 0.001],
    "seed": [0, 7],
}
PREFIXES = declaration.read("sgc").prefixes
EVERY_PREFIX = {axis: short for name in declaration.names() for axis, short in declaration.read(name).prefixes.items()}


def test_points_are_all_combinations_the_last_axis_fastest():
    points = grid.points(AXES)
    assert [tuple(point.values()) for point in points] == list(itertools.product(*AXES.values()))
    assert all(list(point) == list(AXES) for point in points)


def test_a_trial_name_lists_the_values_of_its_axes():
    point = dict(zip(AXES, (10, 2, 0.01, 0, 0), strict=True))
    assert grid.trial_name(point, PREFIXES) == "t10_k2_lr0.01_wd0_s0"
    assert grid.trial_name({**point, "threshold": 10.0, "weight_decay": 1e-5}, PREFIXES) == "t10_k2_lr0.01_wd1e-05_s0"


@pytest.mark.parametrize("axis", EVERY_PREFIX)
def test_different_values_have_different_names_that_suit_paths(axis):
    values = [0, 1, 0.1, 0.1 + 1e-12, 1e-7, 20240101, 20240102, 10**6, 10**6 + 1, 2**31, 1e9, 12.3456789]
    names = [grid.trial_name({axis: value}, EVERY_PREFIX) for value in values]
    assert len(set(names)) == len(values)
    for name, value in zip(names, values, strict=True):
        assert re.fullmatch("[A-Za-z0-9._-]+", name)  # the workflow's wildcard
        assert float(name.removeprefix(EVERY_PREFIX[axis])) == value


@pytest.mark.parametrize("fan_out", [[], ["propagation_steps"], ["seed", "threshold"], list(AXES), list(AXES)[::-1]])
def test_jobs_cover_the_grid_once(fan_out):
    jobs = grid.jobs(AXES, fan_out, PREFIXES)
    trained = [tuple(point.values()) for axes in jobs.values() for point in grid.points(axes)]
    assert sorted(trained) == sorted(itertools.product(*AXES.values()))
    for axes in jobs.values():
        assert list(axes) == list(AXES)
        assert all(len(axes[axis]) == (1 if axis in fan_out else len(AXES[axis])) for axis in AXES)


def test_job_names_stay_when_another_axis_or_value_is_added():
    before = grid.jobs(AXES, ["propagation_steps", "threshold"], PREFIXES)
    assert list(before) == [f"t{t}_k{k}" for t in (6, 10.5) for k in (1, 2, 3)]
    grown = {**AXES, "propagation_steps": [4, 3, 2, 1], "seed": [0]}
    after = grid.jobs(grown, ["threshold", "propagation_steps"], PREFIXES)
    assert set(before) < set(after)
    assert list(grid.jobs(AXES, [], PREFIXES)) == ["all"]


def test_jobs_share_no_list_with_the_grid():
    jobs = grid.jobs(AXES, ["propagation_steps"], PREFIXES)
    jobs["k1"]["seed"].append(99)
    assert AXES["seed"] == jobs["k2"]["seed"] == [0, 7]


def test_the_rules_know_every_name_of_a_job():
    rules = (Path(__file__).parents[2] / "rules/common.smk").read_text()
    pattern = re.search(r'^    job="(.*)",$', rules, re.MULTILINE)[1]
    axes = {
        "threshold": [0.5],
        "feature_subset": grid.feature_subsets(["type", "red_area"], 1, 2),
        "learning_rate": [1e-05],
    }
    names = grid.jobs(axes, list(axes), EVERY_PREFIX)
    assert len(names) == 3
    assert all(re.fullmatch(pattern, name) for name in names)
