"""Stale is a table: edit this key, and exactly these jobs run again. Every configuration key has a row."""

from pathlib import Path

import pytest
import yaml

from graincast.configuration import schema
from graincast.configuration.load import load
from graincast.configuration.yaml_file import read
from graincast.planning import recipes
from graincast.planning.jobs import jobs
from graincast.planning.plan import Plan
from tests.workflow import small
from tests.workflow.edits import with_edits
from tests.workflow.stale_table import EXTENSION, KEYS

PROJECT = Path(__file__).parents[2]


def plan_of(folder: Path) -> Plan:
    file = folder / "small.yaml"
    return Plan(load(read(file), file))


def recipes_of(plan: Plan, compared: list[str]) -> dict[str, dict]:
    return recipes.build(PROJECT, jobs(plan, compared), {})


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[list[str], dict[str, dict]]:
    """The experiments compared, and the recipes from which all results were made."""
    folder = tmp_path_factory.mktemp("made")
    small.write_configuration(folder)
    plan = plan_of(folder)
    compared = sorted(plan.test_metrics())
    return compared, recipes_of(plan, compared)


ON_REQUEST = ("export", "report")
"""Rules that no run of the whole workflow has."""


def stale(made: dict[str, dict], wanted: dict[str, dict], left_out: tuple = ON_REQUEST) -> set[str]:
    """Jobs whose recipe is another, or that follow from such jobs, in the order upstream first."""
    names: set[str] = set()
    notes: set[str] = set()
    for name, recipe in wanted.items():
        if recipe["rule"] not in left_out and (recipe != made.get(name) or notes & set(recipe["made_from"].values())):
            names.add(":".join([recipe["rule"], "/".join(recipe["wildcards"].values())]).rstrip(":"))
            notes.add(f"{recipe['outputs'][0]}.made_from.json")
    return names


def stale_after(made, folder: Path, file: str, edits: dict, left_out: tuple = ON_REQUEST) -> set[str]:
    """What runs again after edits of a file of the small configuration."""
    small.write_configuration(folder)
    path = folder / f"{file}.yaml"
    path.write_text(with_edits(yaml.safe_load(path.read_text()), edits))
    plan = plan_of(folder)
    compared = sorted({*made[0], *plan.test_metrics()})
    return stale(made[1], recipes_of(plan, compared), left_out)


@pytest.mark.parametrize("key", KEYS)
def test_edited_key(made, tmp_path, monkeypatch, key):
    file, edits, expected = KEYS[key]
    (tmp_path / EXTENSION).mkdir()
    monkeypatch.chdir(tmp_path)
    assert stale_after(made, tmp_path, file, edits) == expected


@pytest.mark.parametrize(
    ("file", "edits"),
    [
        ("small", {"datasets.made.time_steps": "all", "splits.held-out.seed": 0}),
        ("small", {"feature_sets.plain": {"nodes": ["type", "area"], "edges": ["boundary_length"]}}),
        ("experiments/made", {"grid.seed": [0], "grid.feature_subsets": None, "select": None}),
        ("experiments/attended", {"training.loss_grains": None, "training.clip": 1, "training.heads": 1.0}),
    ],
)
def test_writing_out_a_default_makes_nothing_stale(made, tmp_path, file, edits):
    assert stale_after(made, tmp_path, file, edits) == set()


@pytest.mark.parametrize(
    ("key", "stale"),
    [
        ("experiment.training.iterations", True),
        ("experiment.description", True),
        ("experiments", True),
        ("device", False),
        ("figures.formats", False),
    ],
)
def test_the_report_is_stale_with_what_it_shows(made, tmp_path, key, stale):
    file, edits, _ = KEYS[key]
    assert ("report" in stale_after(made, tmp_path, file, edits, left_out=("export",))) == stale


def test_every_key_has_a_row():
    def leaves(part: dict, name: str):
        below, named = part.get("properties", {}), part.get("additionalProperties")
        if isinstance(named, dict):
            yield from leaves(named, name)
        elif below:
            for key, value in below.items():
                yield from leaves(value, f"{name}.{key}".lstrip("."))
        else:
            yield name

    assert set(KEYS) == {*leaves(schema.of_configuration({}), ""), *leaves(schema.of_experiment(), "experiment")}
