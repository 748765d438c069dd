"""Loading a configuration fills in the defaults; the schema is closed, described and complete at every level."""

import copy
import re

import pytest
import yaml

from graincast.configuration import schema
from graincast.configuration.errors import ConfigError
from graincast.configuration.load import load
from graincast.configuration.yaml_file import read
from graincast.experiment import declaration as models
from graincast.features.feature import BOUNDARY_LENGTH
from graincast.files import declaration
from graincast.files.expansion import expand
from graincast.microstructure import BadInput
from graincast.raw.sources import SOURCES
from tests.configured import MINIMAL, loaded, rejection
from tools import config_table

FOLDER = schema.IN_CHECKOUT.parent
CONFIGS = sorted({*FOLDER.glob("*.yaml"), *FOLDER.glob("smoke/*.yaml")} - {schema.IN_CHECKOUT})
SCHEMAS = {
    "config": schema.of_configuration({}),
    **{f"dataset of source {name}": schema.of_dataset(name) for name in SOURCES},
    **{f"encoder of method {name}": schema.of_encoder(name) for name in declaration.names([schema.ENCODERS])},
    "experiment": schema.of_experiment(),
    **{f"experiment with model {name}": schema.of_experiment(name) for name in models.names()},
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_every_config_file_loads(path):
    config = load(read(path), path)
    assert list(config["experiments"]) == read(path)["experiments"]


def test_every_experiment_file_is_used_by_a_config_file():
    used = {name for path in CONFIGS for name in read(path)["experiments"]}
    assert used == {path.stem for path in FOLDER.glob("**/experiments/*.yaml")}


def test_defaults_are_filled_in_at_every_level(tmp_path):
    config = loaded(tmp_path, {"datasets.sim.simulate.growth": "{runs: 3}"}, {"grid": "{propagation_steps: [1]}"})
    assert config["tracking"]["timeout"] == 120
    assert config["datasets"]["sim"]["hops"] is None
    simulate = config["datasets"]["sim"]["simulate"]
    assert simulate["growth"] == {"temperature": 0.9, "time": 4000000, "runs": 3, "coarsen": 1, "record": []}
    assert simulate["initial"] == {"temperature": 0.9, "time": 500, "quench_temperature": 0.1, "quench_time": 3}
    assert config["splits"]["held-out"]["test"] == 0.2
    experiment = config["experiments"]["first"]
    assert experiment["target"] == {
        "kind": "abnormal",
        "grains": "candidate",
        "threshold": [10],
        "aggregate": "mean",
        "fraction": 0.5,
        "soft": False,
    }
    assert experiment["grid"] == {  # without the axes of other models
        "feature_subsets": None,
        "propagation_steps": [1],
        "learning_rate": [0.01],
        "weight_decay": [0],
        "seed": [0],
    }
    assert experiment["select"] == "nll"


def test_loading_changes_neither_the_input_nor_the_defaults(tmp_path):
    config = yaml.safe_load(MINIMAL)
    before = copy.deepcopy(config)
    loaded(tmp_path)  # writes the experiment's file
    load(config, tmp_path / "config.yaml")
    assert config == before
    config["datasets"]["copy"] = copy.deepcopy(config["datasets"]["sim"])
    first = load(config, tmp_path / "config.yaml")
    first["datasets"]["sim"]["simulate"]["growth"]["record"].append(1)
    assert first["datasets"]["copy"]["simulate"]["growth"]["record"] == []
    assert load(config, tmp_path / "config.yaml")["datasets"]["sim"]["simulate"]["growth"]["record"] == []


def test_a_default_is_never_rejected(tmp_path):
    config = loaded(tmp_path, None, {"training.iterations": 20})
    assert config["experiments"]["first"]["training"] == {"iterations": 20, "evaluate_every": 50}


def test_whole_numbers_become_integers(tmp_path):
    changes = {"datasets.sim.simulate.size": 128.0, "datasets.sim.simulate.growth.record": [10.0, 10.5]}
    config = loaded(tmp_path, changes, {"grid.propagation_steps": [1.0], "target.threshold": [8.0]})
    simulate = config["datasets"]["sim"]["simulate"]
    assert repr(simulate["size"]) == "128"
    assert repr(simulate["growth"]["record"]) == "[10, 10.5]"
    assert repr(config["experiments"]["first"]["grid"]["propagation_steps"]) == "[1]"
    assert repr(config["experiments"]["first"]["target"]["threshold"]) == "[8]"


def test_a_duplicate_key_in_the_main_file_is_rejected(tmp_path):
    (tmp_path / "config.yaml").write_text(f"{MINIMAL}\nsplits: {{}}\n", encoding="utf-8")
    assert "duplicate key 'splits', first in line 6" in rejection(tmp_path)


def test_no_dissimilar_name_is_suggested(tmp_path):
    assert "did you mean" not in rejection(tmp_path, {"zzz": 1})


def test_predefined_feature_sets_are_there_unless_replaced(tmp_path):
    sets = loaded(tmp_path, {"feature_sets": ...}, {"features": "grain-shapes"})["feature_sets"]
    assert sets["grain-properties"]["nodes"][0] == "type"
    assert sets["grain-properties"]["edges"] == [BOUNDARY_LENGTH]
    assert sets["relative-properties"]["edges"] == ["relative_boundary_length"]
    assert "two" not in sets
    replaced = loaded(tmp_path, {"feature_sets.grain-shapes": "{nodes: [degree], edges: []}"})["feature_sets"]
    assert replaced == {**sets, "two": {"nodes": ["type", "area"], "edges": [BOUNDARY_LENGTH]}} | {
        "grain-shapes": {"nodes": ["degree"], "edges": []}
    }


def test_the_name_of_a_feature_set_in_another_stands_for_its_features(tmp_path):
    changes = {"more": "[degree, both, area, last]", "both": "[area, perimeter, last]", "last": "[type, red_area]"}
    sets = loaded(tmp_path, {f"feature_sets.{name}": text for name, text in changes.items()})["feature_sets"]
    assert sets["both"]["nodes"] == ["area", "perimeter", "type", "red_area"]
    assert sets["more"]["nodes"] == ["degree", "area", "perimeter", "type", "red_area"]
    assert "has non-unique elements" in rejection(tmp_path, {"feature_sets.more": "[degree, degree]"})
    assert "feature_sets.more.nodes.0: ['area'] is not text" in rejection(tmp_path, {"feature_sets.more": "[[area]]"})
    wrong = {"feature_sets.more": "[both]", "feature_sets.both": "type"}
    assert "feature_sets.both.nodes: 'type' is not a list" in rejection(tmp_path, wrong)
    around = {"feature_sets.a": "[b]", "feature_sets.b": "[c, area]", "feature_sets.c": "[a]"}
    assert "feature_sets.a: contains itself, by way of b and c" in rejection(tmp_path, around)


def test_models_and_features_of_extensions_are_known(tmp_path):
    folder = tmp_path / "own_models_and_features"
    folder.mkdir()
    width = '{description: "Width.", type: integer, minimum: 1, default: 2}'
    (folder / "wide.py").touch()
    (folder / "wide.yaml").write_text(f"description: Wide.\nextends: gat\ntraining: {{width: {width}}}\n")
    feature = 'from graincast.features.feature import Feature\nNODE_FEATURES = {"zero": Feature(None, "", "0")}\n'
    (folder / "features.py").write_text(feature)
    changes = {"extensions": [str(folder)], "feature_sets.two": "[zero, type]"}
    one = loaded(tmp_path, changes, {"model": "wide", "training.width": 5})
    assert one["feature_sets"]["two"]["nodes"] == ["zero", "type"]
    training = one["experiments"]["first"]["training"]
    assert (training["width"], training["heads"]) == (5, 4)
    assert "did you mean 'wide'?" in rejection(tmp_path, changes, {"model": "wid"})
    assert "(it takes iterations, evaluate_every); it is for wide" in rejection(
        tmp_path, changes, {"training.width": 1}
    )
    assert "'zero' is none of type, degree, " in rejection(tmp_path, {"feature_sets.two": "[zero]"})


def test_an_extension_that_is_not_there_is_named(tmp_path):
    assert f"no folder {tmp_path}/none; correct the path" in rejection(tmp_path, {"extensions": [f"{tmp_path}/none"]})
    assert "the environment variable UNSET_X is not set" in rejection(tmp_path, {"extensions": ["$UNSET_X/own"]})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2", "line 1: not valid YAML"),
        ("- a\n- b", r"holds \['a', 'b'\], not a mapping"),
        ("", "holds nothing, not a mapping"),
        ("a: {b: 1,\n  b: 1}", "line 2: duplicate key 'b', first in line 1$"),
    ],
)
def test_a_file_that_is_not_a_mapping_with_unique_keys_is_rejected(tmp_path, text, expected):
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: {expected}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_variables_and_homes_in_paths_are_expanded(monkeypatch):
    monkeypatch.setenv("SOME_ROOT", "/data")
    monkeypatch.setenv("HOME", "/home/someone")
    assert str(expand("$SOME_ROOT/a/${SOME_ROOT}_b", "here")) == "/data/a/data_b"
    assert str(expand("~/a", "here")) == "/home/someone/a"


@pytest.mark.parametrize("path", ["$SOME_ROOT/a", "/a/${SOME_ROOT}b"])
def test_an_unset_environment_variable_is_named(monkeypatch, path):
    monkeypatch.delenv("SOME_ROOT", raising=False)
    with pytest.raises(BadInput, match=r"^here: the environment variable SOME_ROOT is not set; export it"):
        expand(path, "here")


def test_an_unknown_home_is_named():
    with pytest.raises(BadInput, match=r"^here: ~no-such-user/a: "):
        expand("~no-such-user/a", "here")


def subschemas(part: dict, where: str):
    """All subschemas of a schema, each with its dotted key."""
    yield where, part
    for key, value in part.get("properties", {}).items():
        yield from subschemas(value, f"{where}.{key}")
    if isinstance(part.get("additionalProperties"), dict):
        yield from subschemas(part["additionalProperties"], f"{where}.*")


def all_subschemas():
    for where, part in SCHEMAS.items():
        yield from subschemas(part, where)


def test_the_schema_allows_no_unknown_key():
    mappings = {where: part for where, part in all_subschemas() if "object" in part.get("type", ())}
    assert {"config", "config.datasets.*.simulate.growth", "experiment with model gat.grid"} <= set(mappings)
    for where, part in mappings.items():
        others = part.get("additionalProperties")
        assert others is False or isinstance(others, dict), where


def test_every_key_of_the_schema_is_described_and_is_required_or_has_a_default():
    keys = 0
    for where, part in all_subschemas():
        for key, value in part.get("properties", {}).items():
            keys += 1
            description = value.get("description", "")
            assert description.endswith((".", ")", "?", "!")), f"{where}.{key} has no description"
            if key not in part.get("required", []) and "default" not in value:
                # optional: its description says which setting needs it, or whether a source needs it is declared
                needed = any(key in source.required for source in SOURCES.values()) or key == "base"
                assert needed or re.search(r"[Ff]or `", description), f"{where}.{key} has no default"
    assert keys > 40


def test_defaults_are_valid_and_complete():
    for where, part in all_subschemas():
        if part.get("default") is not None:
            filled = schema.checked(part["default"], part, where)
            expected = {key for key, value in part.get("properties", {}).items() if "default" in value}
            assert expected <= set(filled if isinstance(filled, dict) else []), where


def test_the_union_of_the_schemas_knows_every_key_of_each():
    known = {where.partition(".")[2] for where, _ in subschemas(SCHEMAS["experiment"], "experiment")}
    for name in models.names():
        assert {
            where.partition(".")[2] for where, _ in subschemas(SCHEMAS[f"experiment with model {name}"], "")
        } <= known
    anything = SCHEMAS["config"]["properties"]
    for name in SOURCES:
        assert (
            schema.of_dataset(name)["properties"].keys()
            <= anything["datasets"]["additionalProperties"]["properties"].keys()
        )


def test_the_page_of_all_keys_is_up_to_date():
    message = "run `make config-table`"
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == config_table.page(), message
