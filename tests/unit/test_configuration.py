"""Loading a configuration fills in the defaults and answers each kind of mistake with one helpful line."""

import copy
import re

import pytest
import yaml

from graincast.configuration.load import SCHEMA, ConfigError, checked, load, read
from graincast.files.expansion import expand
from graincast.microstructure import BadInput

SCHEMA_CONTENT = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
CONFIGS = sorted(SCHEMA.parent.glob("*.yaml"))
CONFIGS.remove(SCHEMA)

MINIMAL = """
experiments: [first]
datasets:
  sim: {source: simulate, simulate: {}}
  raw: {source: spparks, path: /somewhere}
splits:
  held-out: {method: fractions}
  folds: {method: k-fold}
feature_sets:
  two: [type, area]
"""
EXPERIMENT = "{dataset: sim, split: held-out, features: two, model: sgc, target: {threshold: [10]}}"
SIMULATE, GROWTH = "datasets.sim.simulate", "datasets.sim.simulate.growth"
IMAGES = {"datasets.images": "{source: labelled-images, path: x}", "vision_sets": "{v: {network: {random: 0}}}"}
PCA = {"encoders": "{pca: {method: pca}}"}
CODES = {**PCA, "encoded_sets": "{codes: {encoder: pca, components: 2}}"}
SVM = {"dataset": "images", "features": "v", "model": "svm", "target": "{kind: label}"}


@pytest.fixture
def project(tmp_path):
    """Load the minimal configuration with keys replaced; a key is a path such as datasets.sim.hops."""
    file = tmp_path / "config.yaml"
    experiment_file = tmp_path / "experiments" / "first.yaml"
    experiment_file.parent.mkdir()

    def load_with(config: dict | None = None, experiment: dict | None = None) -> dict:
        contents = []
        for text, changes in ((MINIMAL, config), (EXPERIMENT, experiment)):
            content = yaml.safe_load(text)
            for path, value in (changes or {}).items():
                *parents, key = path.split(".")
                mapping = content
                for parent in parents:
                    mapping = mapping.setdefault(parent, {})
                if value is ...:
                    del mapping[key]
                else:
                    mapping[yaml.safe_load(key)] = yaml.safe_load(value) if isinstance(value, str) else value
            contents.append(content)
        experiment_file.write_text(yaml.safe_dump(contents[1]), encoding="utf-8")
        return load(contents[0], file)

    load_with.file = file
    load_with.experiment_file = experiment_file
    return load_with


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_file_loads(path):
    config = load(read(path), path)
    assert list(config["experiments"]) == read(path)["experiments"]


def test_every_experiment_file_is_used_by_a_config_file():
    used = {name for path in CONFIGS for name in read(path)["experiments"]}
    assert used == {path.stem for path in (SCHEMA.parent / "experiments").glob("*.yaml")}


def test_defaults_are_filled_in_at_every_level(project):
    config = project({"datasets.sim.simulate.growth": "{runs: 3}"}, {"grid": "{propagation_steps: [1]}"})
    assert config["tracking"]["timeout"] == 120
    assert config["datasets"]["sim"]["hops"] is None
    simulate = config["datasets"]["sim"]["simulate"]
    assert simulate["growth"] == {"temperature": 0.9, "time": 4000000, "runs": 3, "record": []}
    assert simulate["initial"] == {"temperature": 0.9, "time": 500, "quench_temperature": 0.1, "quench_time": 3}
    assert config["splits"]["held-out"]["test"] == 0.2
    experiment = config["experiments"]["first"]
    assert experiment["target"] == {
        "kind": "abnormal",
        "grains": "candidate",
        "threshold": [10],
        "aggregate": "mean",
        "fraction": 0.5,
    }
    assert experiment["grid"] == {  # without the axes of other models
        "feature_subsets": None,
        "propagation_steps": [1],
        "learning_rate": [0.01],
        "weight_decay": [0],
        "seed": [0],
    }
    assert experiment["select"] == "nll"


def test_loading_changes_neither_the_input_nor_the_defaults(project):
    config = yaml.safe_load(MINIMAL)
    before = copy.deepcopy(config)
    project()  # writes the experiment's file
    load(config, project.file)
    assert config == before
    config["datasets"]["copy"] = copy.deepcopy(config["datasets"]["sim"])
    loaded = load(config, project.file)
    loaded["datasets"]["sim"]["simulate"]["growth"]["record"].append(1)
    assert loaded["datasets"]["copy"]["simulate"]["growth"]["record"] == []
    assert load(config, project.file)["datasets"]["sim"]["simulate"]["growth"]["record"] == []


# changes to the configuration, and what the message must say
WRONG_CONFIG = [
    ({"dataset": "{}"}, "top level: unknown key 'dataset'; did you mean 'datasets'? (known: "),
    ({"tracking.1": "2"}, "tracking: unknown key 1 (known: store"),
    ({"datasets.10": "{source: spparks}"}, 'datasets: 10 is not text; write "10"'),
    (
        {"datasets.a b": "{}"},
        "datasets: 'a b' does not match ^[A-Za-z0-9][A-Za-z0-9_-]*$; use letters, digits, - and _",
    ),
    ({"datasets.raw.source": ...}, "datasets.raw: the key 'source' is missing (required: source)"),
    ({"datasets.raw.shards": "many"}, "datasets.raw.shards: 'many' is not an integer"),
    ({"datasets.raw.shards": "on"}, "datasets.raw.shards: true is not an integer"),
    ({"splits": "null"}, "splits: nothing is not a mapping of keys"),
    ({f"{GROWTH}.time": "1.5e6"}, "'1.5e6' is not a number; YAML reads it as text, write 1500000 or 1.5e+6"),
    ({f"{GROWTH}.record": "[5, .inf]"}, f"{GROWTH}.record.1: inf is not a finite number"),
    ({"datasets.sim.hops": 0}, "datasets.sim.hops: 0 is less than the minimum of 1"),
    ({"experiments": "[]"}, "experiments: [] should be non-empty"),
    ({"datasets.raw.source": "spark"}, "'spark' is none of deepspparks-json, spparks, simulate, labelled-images;"),
    ({f"{SIMULATE}.red_fraction": "some"}, f"{SIMULATE}.red_fraction: 'some' is not a valid number or list"),
    ({f"{SIMULATE}.red_fraction": "2e-1"}, "not a valid number or list ('2e-1' is not a number; YAML reads it as text"),
    ({f"{SIMULATE}.red_fraction": "[0, 1.5]"}, "not a valid number or list (1.5 is greater than the maximum of 1)"),
    ({"experiments": "[firs]"}, "did you mean 'first'?"),
    ({"tracking.store": "'https://me:pass@host'"}, "tracking.store: the address contains a user name or password;"),
    ({"vision_sets": "{two: {network: {random: 0}}}"}, "vision_sets.two: feature_sets already has a set of this name"),
    (
        {"vision_sets": "{v: {network: {}}}"},
        "vision_sets.v.network: needs either 'path' and 'sha256' of a weights file",
    ),
    ({"vision_sets": "{v: {network: {path: w.pth}}}"}, "vision_sets.v.network: 'path' and 'sha256' go together;"),
    ({"encoders": "{p: {method: pca, epochs: 3}}"}, "encoders.p.epochs: no effect with method pca; it is for"),
    (
        {**PCA, "encoded_sets": "{e: {encoder: pac, components: 2}}"},
        "not among the encoders (pca); did you mean 'pca'?",
    ),
    ({**PCA, "encoded_sets": "{e: {encoder: pca, components: 33}}"}, "encoders.pca has 32 components; use at most 32"),
    (
        {"encoders": "{a: {method: autoencoder}}", "encoded_sets": "{e: {encoder: a, components: 31}}"},
        "encoded_sets.e.components: 31, but encoders.a has 32 components; an autoencoder needs all of them",
    ),
    ({"datasets.raw.path": ...}, "datasets.raw: source spparks needs the key 'path', the folder of the raw data"),
    ({"datasets.raw.simulate": "{}"}, "datasets.raw.simulate: no effect with source spparks; it is for simulate"),
    ({**IMAGES, "datasets.images.hops": 2}, "images.hops: no effect with source labelled-images, which has no grains"),
    ({"datasets.raw.time_steps": "{times: [2, 1]}"}, "datasets.raw.time_steps: the times [2, 1] do not ascend"),
    ({"datasets.sim.time_steps": "{evenly: 3}"}, "the growth run has 2 records from 0 to 4000000 MCS"),
    ({"datasets.sim.path": "x"}, "datasets.sim.path: no effect with source simulate; remove it"),
    ({"datasets.sim.shards": 4}, "shards: no effect with source simulate, which makes one shard per batch;"),
    ({SIMULATE: ...}, "datasets.sim: source simulate needs the key 'simulate'"),
    ({f"{SIMULATE}.red_fraction": "[0.4, 0.2]"}, "the range [0.4, 0.2] is reversed; write the smaller first"),
    ({SIMULATE: "{mobility: uniform, min_mobility: 0.1}"}, "min_mobility: no effect with mobility uniform; it is for"),
    ({f"{GROWTH}.record": "[10, 100, 100]"}, f"{GROWTH}.record: the times [10, 100, 100] do not ascend"),
    ({GROWTH: "{time: 100, record: [10, 200]}"}, f"{GROWTH}.record: 200 is later than growth.time (100)"),
    ({"splits.folds.test": 0.3}, "splits.folds.test: no effect with method k-fold; it is for fractions"),
    ({"splits.held-out.stratify": True}, "splits.held-out.stratify: no effect with method fractions; it is for k-fold"),
    ({"splits.held-out.method": "file"}, "splits.held-out: method file needs the key 'path'"),
    ({"splits.held-out.test": 0.8}, "splits.held-out: validation and test together leave nothing to train on"),
]
# changes to the experiment, and what the message must say; images and codes are configured
WRONG_EXPERIMENT = [
    ({"grid.propagation_steps": "2"}, "grid.propagation_steps: 2 is not a list; write [2]"),
    ({"target.threshold": "[10, 10.0]"}, "target.threshold: [10, 10.0] has non-unique elements"),
    ({"target.threshold": ...}, "target: kind abnormal needs the key 'threshold', such as [10]"),
    ({"target.kind": "growth-ratio"}, "target.threshold: no effect with kind growth-ratio; it is for abnormal"),
    ({"target": "{kind: growth-ratio, aggregate: fraction}"}, "target.aggregate: fraction is for kind abnormal only"),
    ({**SVM, "target": "{kind: label, aggregate: mean}"}, "target.aggregate: no effect with kind label; remove it"),
    ({"target.fraction": 0.4}, "target.fraction: no effect with aggregate mean; it is for fraction"),
    ({"target.grains": "all"}, "target.grains: model sgc predicts candidate grains only; all is for gat"),
    ({"target": "{kind: label}"}, "model sgc cannot learn label (it can learn abnormal, growth-ratio)"),
    ({**SVM, "dataset": "sim", "target": "{kind: label}"}, "label does not fit datasets.sim, whose source is simulate"),
    ({"model": "svm"}, "features: 'two' is not among the vision_sets of "),
    ({"training.epochs": 5}, "training.epochs: no effect with model sgc (it takes iterations, evaluate_every)"),
    ({**SVM, "training.epochs": 5}, "training.epochs: no effect with model svm (it takes nothing)"),
    ({"fan_out": "[c]"}, "fan_out: c is not an axis of model sgc with target.kind abnormal"),
    ({"select": "r2"}, "select: r2 is not a metric of abnormal (choose nll, accuracy, "),
    ({"training": "{iterations: 4, evaluate_every: 5}"}, "evaluate_every: 5 is more than the 4 iterations"),
    ({"grid.feature_subsets": "{min: 3}"}, "grid.feature_subsets: min 3 is more than max or than the 2 columns of two"),
    ({"features": "codes", "grid.feature_subsets": "{min: 1}"}, "needs features from feature_sets, not from"),
    (
        {"model": "gat", "target.grains": "all", "training.loss_grains": "candidate"},
        "training.loss_grains: candidate contradicts target.grains all; remove it",
    ),
]


def rejection(project, *changes) -> str:
    with pytest.raises(ConfigError) as caught:
        project(*changes)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(("changes", "expected"), WRONG_CONFIG)
def test_a_wrong_configuration_is_rejected_in_one_line(project, changes, expected):
    message = rejection(project, changes)
    assert message.startswith(f"{project.file}: ")
    assert expected in message
    assert "me:pass" not in message


@pytest.mark.parametrize(("changes", "expected"), WRONG_EXPERIMENT)
def test_a_wrong_experiment_is_rejected_in_one_line(project, changes, expected):
    message = rejection(project, IMAGES | CODES, changes)
    assert message.startswith(f"{project.experiment_file}: ")
    assert expected in message


def test_labelled_images_cannot_be_stratified(project):
    images = SVM | {"split": "folds"}
    project(IMAGES, images)
    message = rejection(project, IMAGES | {"splits.folds.stratify": True}, images)
    assert "first.yaml: split: folds is stratified by growth ratio, which labelled images do not have;" in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("grid.hops", "[1]", "grid.hops: renamed to propagation_steps"),
        ("target.share", 0.4, "target.share: renamed to fraction"),
        ("target.aggregate", "share", "target.aggregate: 'share' is now called 'fraction'"),
        ("fan_out", "[hops]", "fan_out.0: 'hops' is now called 'propagation_steps'"),
    ],
)
def test_a_former_name_is_answered_with_the_present_one(project, key, value, expected):
    assert rejection(project, None, {key: value}) == f"{project.experiment_file}: {expected}"


@pytest.mark.parametrize(
    ("key", "section", "name", "known", "nearest"),
    [
        ("dataset", "datasets", "simm", "sim, raw", "sim"),
        ("features", "feature_sets and encoded_sets", "twoo", "two", "two"),
    ],
)
def test_an_unknown_reference_is_rejected_with_the_known_names(project, key, section, name, known, nearest):
    assert rejection(project, None, {key: name}) == (
        f"{project.experiment_file}: {key}: {name!r} is not among the {section} of {project.file} ({known})"
        f"; did you mean {nearest!r}?"
    )


def test_propagation_may_not_reach_further_than_the_hops_of_the_data_set(project):
    message = rejection(project, {"datasets.sim.hops": 3}, {"grid.propagation_steps": "[0, 4]"})
    assert message == (
        f"{project.experiment_file}: grid.propagation_steps: 4 steps reach further than datasets.sim.hops (3); "
        "lower the one or raise the other"
    )
    assert "grid.propagation_steps: 2" in rejection(project, {"datasets.sim.hops": 1})  # the default
    assert project({"datasets.sim.hops": 3}, {"grid.propagation_steps": "[0, 3]"})
    assert project(None, {"grid.propagation_steps": "[64]"})  # whole microstructures


def test_a_default_is_never_rejected(project):
    config = project(None, {"training.iterations": 20})
    assert config["experiments"]["first"]["training"] == {"iterations": 20, "evaluate_every": 50}


def test_whole_numbers_become_integers(project):
    changes = {"datasets.sim.simulate.size": 128.0, "datasets.sim.simulate.growth.record": [10.0, 10.5]}
    config = project(changes, {"grid.propagation_steps": [1.0], "target.threshold": [8.0]})
    simulate = config["datasets"]["sim"]["simulate"]
    assert repr(simulate["size"]) == "128"
    assert repr(simulate["growth"]["record"]) == "[10, 10.5]"
    assert repr(config["experiments"]["first"]["grid"]["propagation_steps"]) == "[1]"
    assert repr(config["experiments"]["first"]["target"]["threshold"]) == "[8]"


def test_a_duplicate_key_in_the_main_file_is_rejected(project):
    project.file.write_text(f"{MINIMAL}\nsplits: {{}}\n", encoding="utf-8")
    assert "duplicate key 'splits', first in line 6" in rejection(project)


def test_no_dissimilar_name_is_suggested(project):
    assert "did you mean" not in rejection(project, {"zzz": 1})


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


def subschemas(schema: dict, where: str):
    """All subschemas of a schema, each with its dotted key; references are resolved."""
    if "$ref" in schema:
        schema = {**SCHEMA_CONTENT["$defs"][schema["$ref"].rpartition("/")[2]], **schema}
    yield where, schema
    for key, value in schema.get("properties", {}).items():
        yield from subschemas(value, f"{where}.{key}")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from subschemas(schema["additionalProperties"], f"{where}.*")


def all_subschemas():
    yield from subschemas(SCHEMA_CONTENT, "config")
    yield from subschemas(SCHEMA_CONTENT["$defs"]["experiment"], "experiment")


def test_the_schema_allows_no_unknown_key():
    mappings = {where: schema for where, schema in all_subschemas() if schema.get("type") == "object"}
    assert {"config", "config.datasets.*.simulate.growth", "experiment.grid"} <= set(mappings)
    for where, schema in mappings.items():
        others = schema.get("additionalProperties")
        assert others is False or isinstance(others, dict), where


def test_every_key_of_the_schema_is_described_and_is_required_or_has_a_default():
    keys = 0
    for where, schema in all_subschemas():
        for key, value in schema.get("properties", {}).items():
            keys += 1
            resolved = dict(subschemas(value, ""))[""]
            assert resolved.get("description", "").endswith((".", ")", "?", "!")), f"{where}.{key} has no description"
            if key not in schema.get("required", []) and "default" not in resolved:
                # optional: its description says which setting needs it
                assert re.search(r"[Ff]or `", resolved["description"]), f"{where}.{key} has no default"
    assert keys > 40


def test_defaults_are_valid_and_complete():
    for where, schema in all_subschemas():
        if schema.get("default") is not None:
            filled = checked(schema["default"], schema, SCHEMA_CONTENT, where)
            expected = {key for key, value in schema.get("properties", {}).items() if "default" in value}
            assert expected <= set(filled if isinstance(filled, dict) else []), where
