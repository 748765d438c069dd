"""Stale is a table: edit this key, and exactly these jobs run again. Every configuration key has a row."""

from pathlib import Path

import pytest
import yaml

from graincast.configuration.load import load
from graincast.configuration.yaml_file import read
from graincast.planning import recipes
from graincast.planning.jobs import jobs
from graincast.planning.plan import Plan
from tests.workflow import small
from tests.workflow.edits import with_edits
from tests.workflow.stale_table import KEYS

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


def stale(made: dict[str, dict], wanted: dict[str, dict]) -> set[str]:
    """Jobs whose recipe is another, or that follow from such jobs, in the order upstream first."""
    names: set[str] = set()
    notes: set[str] = set()
    for name, recipe in wanted.items():
        if recipe["rule"] != "export" and (recipe != made.get(name) or notes & set(recipe["made_from"].values())):
            names.add(":".join([recipe["rule"], "/".join(recipe["wildcards"].values())]).rstrip(":"))
            notes.add(f"{recipe['outputs'][0]}.made_from.json")
    return names


@pytest.mark.parametrize("key", KEYS)
def test_edited_key(made, tmp_path, key):
    file, edits, expected = KEYS[key]
    small.write_configuration(tmp_path)
    path = tmp_path / f"{file}.yaml"
    path.write_text(with_edits(yaml.safe_load(path.read_text()), edits))
    plan = plan_of(tmp_path)
    compared = sorted({*made[0], *plan.test_metrics()})
    assert stale(made[1], recipes_of(plan, compared)) == expected


def test_every_key_has_a_row():
    schema = yaml.safe_load((PROJECT / "config/schema.yaml").read_text(encoding="utf-8"))

    def leaves(section: dict, name: str):
        if "$ref" in section:
            section = schema["$defs"][section["$ref"].rpartition("/")[2]]
        below = section.get("properties", {})
        named = section.get("additionalProperties")
        if not below and not (isinstance(named, dict) and "$ref" in named):
            yield name
        elif below:
            for key, value in below.items():
                yield from leaves(value, f"{name}.{key}" if name else key)
        else:
            yield from leaves(named, name)

    keys = set(leaves(schema, "")) | set(leaves(schema["$defs"]["experiment"], "experiment"))
    assert set(KEYS) == keys
