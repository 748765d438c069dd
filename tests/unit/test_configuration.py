"""The configuration: defaults, and one helpful line for each kind of mistake."""

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
  made: {source: simulate, simulate: {}}
  given: {source: spparks, path: /somewhere}
splits:
  shares: {method: fractions}
  folds: {method: k-fold}
feature_sets:
  two: [type, area]
"""
EXPERIMENT = "{dataset: made, split: shares, features: two, model: sgc, target: {threshold: [10]}}"


@pytest.fixture
def project(tmp_path):
    """Load the minimal configuration with keys replaced; a key is a path such as datasets.made.hops."""
    file = tmp_path / "config.yaml"
    (tmp_path / "experiments").mkdir()

    def loaded(config: dict | None = None, experiment: dict | None = None) -> dict:
        contents = []
        for text, changes in ((MINIMAL, config), (EXPERIMENT, experiment)):
            content = yaml.safe_load(text)
            for path, value in (changes or {}).items():
                *parents, key = path.split(".")
                at = content
                for parent in parents:
                    at = at.setdefault(parent, {})
                if value is ...:
                    del at[key]
                else:
                    at[yaml.safe_load(key)] = yaml.safe_load(value) if isinstance(value, str) else value
            contents.append(content)
        (tmp_path / "experiments" / "first.yaml").write_text(yaml.safe_dump(contents[1]), encoding="utf-8")
        return load(contents[0], file)

    loaded.file = file
    loaded.experiment_file = tmp_path / "experiments" / "first.yaml"
    return loaded


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_file_loads(path):
    config = load(read(path), path)
    assert list(config["experiments"]) == read(path)["experiments"]


def test_every_experiment_file_is_used_by_a_config_file():
    used = {name for path in CONFIGS for name in read(path)["experiments"]}
    assert used == {path.stem for path in (SCHEMA.parent / "experiments").glob("*.yaml")}


def test_defaults_are_filled_in_at_every_level(project):
    config = project({"datasets.made.simulate.growth": "{runs: 3}"}, {"grid": "{propagation_steps: [1]}"})
    assert config["tracking"]["timeout"] == 120
    assert config["datasets"]["made"]["hops"] is None
    simulate = config["datasets"]["made"]["simulate"]
    assert simulate["growth"] == {"temperature": 0.9, "time": 4000000, "runs": 3, "record": []}
    assert simulate["initial"] == {"temperature": 0.9, "time": 500, "quench_temperature": 0.1, "quench_time": 3}
    assert config["splits"]["shares"]["test"] == 0.2
    experiment = config["experiments"]["first"]
    assert experiment["target"] == {
        "kind": "abnormal",
        "grains": "candidate",
        "threshold": [10],
        "aggregate": "mean",
        "fraction": 0.5,
    }
    grid = {
        "feature_subsets": None,
        "propagation_steps": [1],
        "learning_rate": [0.01],
        "weight_decay": [0],
        "seed": [0],
    }
    assert experiment["grid"] == grid  # no axis of another model
    assert experiment["select"] == "nll"


def test_input_and_defaults_are_not_shared(project):
    given = yaml.safe_load(MINIMAL)
    before = copy.deepcopy(given)
    project()  # writes the experiment's file
    load(given, project.file)
    assert given == before
    given["datasets"]["again"] = copy.deepcopy(given["datasets"]["made"])
    config = load(given, project.file)
    config["datasets"]["made"]["simulate"]["growth"]["record"].append(1)
    assert config["datasets"]["again"]["simulate"]["growth"]["record"] == []
    assert load(given, project.file)["datasets"]["made"]["simulate"]["growth"]["record"] == []


# what is written, then what the message must say after the file's name
WRONG_CONFIG = {
    "unknown key": ({"dataset": "{}"}, "top level: unknown key 'dataset'; did you mean 'datasets'? (known: exp"),
    "unknown nested key": (
        {"datasets.made.simulate.growth.run": 3},
        "datasets.made.simulate.growth: unknown key 'run'; did you mean 'runs'? (known: temperature, time, runs, rec",
    ),
    "number as a key": ({"tracking.1": "2"}, "tracking: unknown key 1 (known: store"),
    "wrong type": ({"datasets.made.simulate.size": "large"}, "datasets.made.simulate.size: 'large' is not an integer"),
    "text for a mapping": ({"splits": "five"}, "splits: 'five' is not a mapping of keys"),
    "nothing for a mapping": ({"splits": "null"}, "splits: nothing is not a mapping of keys"),
    "boolean": ({"datasets.given.shards": "on"}, "datasets.given.shards: true is not an integer"),
    "too small": ({"datasets.made.hops": 0}, "datasets.made.hops: 0 is less than the minimum of 1"),
    "too large": ({"datasets.made.simulate.size": 5000}, "simulate.size: 5000 is greater than the maximum of 4096"),
    "open bound": (
        {"splits.folds.validation": 1},
        "splits.folds.validation: 1 is greater than or equal to the maximum",
    ),
    "not finite": ({"datasets.made.max_rejected": ".nan"}, "datasets.made.max_rejected: nan is not a finite number"),
    "not finite, unbounded": (
        {"datasets.made.simulate.growth.record": "[5, .inf]"},
        "datasets.made.simulate.growth.record.1: inf is not a finite number",
    ),
    "missing": ({"datasets.given.source": ...}, "datasets.given: the key 'source' is missing (required: source)"),
    "missing section": ({"feature_sets": ...}, "top level: the key 'feature_sets' is missing (required: datasets, sp"),
    "no choice": (
        {"datasets.given.source": "spark"},
        "datasets.given.source: 'spark' is none of deepspparks-json, spparks, simulate, labelled-images; "
        "did you mean 'spparks'?",
    ),
    "a name twice": (
        {"vision_sets": "{two: {network: {random: 0}}}"},
        "vision_sets.two: feature_sets has a set of this name; choose another",
    ),
    "no weights": ({"vision_sets": "{v: {network: {}}}"}, "vision_sets.v.network: needs either 'path' and 'sha256' of"),
    "unchecked weights": (
        {"vision_sets": "{v: {network: {path: w.pth}}}"},
        "vision_sets.v.network: 'path' and 'sha256' go together; `sha256sum FILE` prints the latter",
    ),
    "key of another encoder": (
        {"encoders": "{p: {method: pca, epochs: 3}}"},
        "encoders.p.epochs: no effect with method pca; it is for autoencoder",
    ),
    "unknown encoder": (
        {"encoders": "{pca: {method: pca}}", "encoded_sets": "{e: {encoder: pac, components: 2}}"},
        "encoded_sets.e.encoder: 'pac' is not among the encoders (pca); did you mean 'pca'?",
    ),
    "components beyond the encoder's": (
        {"encoders": "{pca: {method: pca}}", "encoded_sets": "{e: {encoder: pca, components: 33}}"},
        "encoded_sets.e.components: 33, but encoders.pca has 32 components",
    ),
    "some components of an autoencoder": (
        {"encoders": "{a: {method: autoencoder}}", "encoded_sets": "{e: {encoder: a, components: 31}}"},
        "encoded_sets.e.components: 31, but encoders.a is an autoencoder of 32 components",
    ),
    "unknown feature": (
        {"feature_sets.two": "[type, arae]"},
        "feature_sets.two.1: 'arae' is none of type, degree, area, perimeter, equivalent_diameter, major_axis_length, "
        "minor_axis_length, red_area; did you mean 'area'?",
    ),
    "twice": ({"feature_sets.two": "[area, area]"}, "feature_sets.two: ['area', 'area'] has non-unique elements"),
    "empty list": ({"experiments": "[]"}, "experiments: [] should be non-empty"),
    "bad name": ({"datasets.a b": "{}"}, "datasets: 'a b' is not a name of letters, digits, - and _"),
    "number as a name": ({"datasets.10": {"source": "spparks", "path": "x"}}, 'datasets: 10 is not text; write "10"'),
    "one of two kinds": (
        {"datasets.made.simulate.red_fraction": "some"},
        "datasets.made.simulate.red_fraction: 'some' is not a valid number or list",
    ),
    "one of two kinds, range": (
        {"datasets.made.simulate.red_fraction": "[0.1, 1.5]"},
        "red_fraction: [0.1, 1.5] is not a valid number or list (1.5 is greater than the maximum of 1)",
    ),
    "one of two kinds, length": (
        {"datasets.made.simulate.red_fraction": "[0.1]"},
        "red_fraction: [0.1] is not a valid number or list ([0.1] is too short)",
    ),
    "range backwards": (
        {"datasets.made.simulate.red_fraction": "[0.4, 0.2]"},
        "datasets.made.simulate.red_fraction: the range [0.4, 0.2] runs backwards",
    ),
    "no file": ({"experiments": "[firs]"}, "did you mean 'first'?"),
    "no path": ({"datasets.given.path": ...}, "datasets.given: source spparks needs the key 'path'"),
    "path for a simulation": ({"datasets.made.path": "x"}, "datasets.made.path: a simulated data set has none"),
    "simulation without": ({"datasets.made.simulate": ...}, "datasets.made: source simulate needs the key 'simulate'"),
    "shards of a simulation": (
        {"datasets.made.shards": 4},
        "datasets.made.shards: a simulated data set has a shard a batch; set simulate.batch",
    ),
    "time steps by another name": (
        {"datasets.given.time_steps": "last"},
        "datasets.given.time_steps: 'last' is not a valid text or mapping of keys ('last' is not one of ['all', 'first",
    ),
    "one time step": (
        {"datasets.given.time_steps": "{evenly: 1}"},
        "time_steps: {'evenly': 1} is not a valid text or mapping of keys (1 is less than the minimum of 2)",
    ),
    "times backwards": (
        {"datasets.given.time_steps": "{times: [200, 100]}"},
        "datasets.given.time_steps: the times [200, 100] do not ascend",
    ),
    "more time steps than are simulated": (
        {"datasets.made.time_steps": "{evenly: 3}"},
        "datasets.made.time_steps: 3 time steps are to be kept, but the growth run has 2 records from 0 to 4000000 MCS",
    ),
    "a time that is not simulated": (
        {"datasets.made.time_steps": "{times: [50]}", "datasets.made.simulate.growth": "{time: 100, record: 20}"},
        "datasets.made.time_steps: no record at 50 MCS, the nearest is at 40; the growth run has 6 records from 0 to",
    ),
    "mobility that has no effect": (
        {"datasets.made.simulate": "{mobility: uniform, min_mobility: 0.1}"},
        "datasets.made.simulate.min_mobility: no effect with mobility uniform; it is for candidate-red",
    ),
    "record after the end": (
        {"datasets.made.simulate.growth": "{time: 100, record: [10, 100, 200]}"},
        "datasets.made.simulate.growth.record: 200 is beyond the growth.time of 100",
    ),
    "record interval beyond the end": (
        {"datasets.made.simulate.growth": "{time: 100, record: 200}"},
        "datasets.made.simulate.growth.record: 200 is beyond the growth.time of 100",
    ),
    "record backwards": (
        {"datasets.made.simulate.growth.record": "[10, 100, 100]"},
        "datasets.made.simulate.growth.record: the times [10, 100, 100] do not ascend",
    ),
    "folds of fractions": (
        {"splits.shares.folds": 3},
        "splits.shares.folds: no effect with method fractions; it is for k",
    ),
    "test of k-fold": (
        {"splits.folds.test": 0.3},
        "splits.folds.test: no effect with method k-fold; it is for fractions",
    ),
    "path of k-fold": ({"splits.folds.path": "x"}, "splits.folds.path: no effect with method k-fold; it is for file"),
    "seed of a file": (
        {"splits.shares": "{method: file, path: x, seed: 1}"},
        "splits.shares.seed: no effect with method file; it is for fractions and k-fold",
    ),
    "simulation for data": (
        {"datasets.given.simulate": "{}"},
        "datasets.given.simulate: only a data set with source s",
    ),
    "split without path": ({"splits.shares.method": "file"}, "splits.shares: method file needs the key 'path'"),
    "nothing to train on": (
        {"splits.shares.test": 0.8},
        "splits.shares: validation and test together leave nothing to train on",
    ),
    "YAML's text 1e-3": (
        {"datasets.made.simulate.min_mobility": "1e-3"},
        "datasets.made.simulate.min_mobility: '1e-3' is not a number; YAML takes it for text, write 0.001 or 1.0e-3",
    ),
    "YAML's text 1.5e6": (
        {"datasets.made.simulate.growth.time": "1.5e6"},
        "time: '1.5e6' is not a number; YAML takes it for text, write 1500000 or 1.5e+6",
    ),
    "YAML's text in one of two kinds": (
        {"datasets.made.simulate.red_fraction": "2e-1"},
        "red_fraction: '2e-1' is not a valid number or list ('2e-1' is not a number; YAML takes it for text, "
        "write 0.2 or 2.0e-1)",
    ),
    "YAML's text within one of two kinds": (
        {"datasets.made.simulate.red_fraction": "[0.1, 2e-1]"},
        "('2e-1' is not a number; YAML takes it for text, write 0.2 or 2.0e-1)",
    ),
}


def refused(project, *changes) -> str:
    with pytest.raises(ConfigError) as caught:
        project(*changes)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 400
    return message


@pytest.mark.parametrize(("change", "expected"), WRONG_CONFIG.values(), ids=WRONG_CONFIG)
def test_wrong_configuration_is_refused_in_one_line(project, change, expected):
    message = refused(project, change)
    assert message.startswith(f"{project.file}: ")
    assert expected in message


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"gird": "{}"}, "top level: unknown key 'gird'; did you mean 'grid'?"),
        (
            {"grid.lr": "[0.1]"},
            "grid: unknown key 'lr' (known: feature_subsets, propagation_steps, variance, whiten, c, learning_rate, "
            "weight_decay, seed)",
        ),
        ({"grid.learning_rate": "[0.1, 1e-2]"}, "grid.learning_rate.1: '1e-2' is not a number; YAML takes it"),
        ({"grid.propagation_steps": "2"}, "grid.propagation_steps: 2 is not a list; write [2]"),
        ({"grid.propagation_steps": "[1.5]"}, "grid.propagation_steps.0: 1.5 is not an integer"),
        ({"target.threshold": "[10, 10.0]"}, "target.threshold: [10, 10.0] has non-unique elements"),
        ({"target.threshold": ...}, "target: kind abnormal needs the key 'threshold', such as [10]"),
        ({"target.aggregate": "maen"}, "'maen' is none of mean, median, min, max, fraction; did you mean 'mean'?"),
        ({"fan_out": "[hop]"}, "fan_out.0: 'hop' is none of"),
        ({"select": "loss"}, "select: 'loss' is none of nll, brier, accuracy, balanced_accuracy, auc"),
        ({"target.fraction": 0.4}, "target.fraction: no effect with aggregate mean; it is for fraction"),
        (
            {"training": "{iterations: 40, evaluate_every: 50}"},
            "training.evaluate_every: 50 is more than the 40 iterations",
        ),
        ({"training.iterations": 0}, "training.iterations: 0 is less than the minimum of 1"),
        ({"training.epochs": 5}, "training.epochs: no effect with model sgc (it has iterations, evaluate_every)"),
        (
            {"grid.c": "[1]"},
            "grid.c: no effect with model sgc (it has feature_subsets, propagation_steps, learning_rate",
        ),
        ({"fan_out": "[c]"}, "fan_out: c is no axis of model sgc with target.kind abnormal"),
        (
            {"model": "gat", "grid.propagation_steps": "[1]"},
            "grid.propagation_steps: no effect with model gat (it has learning_rate",
        ),
        ({"target.kind": "growth-ratio"}, "target.threshold: no effect with kind growth-ratio; it is for abnormal"),
        ({"target": "{kind: growth-ratio, aggregate: fraction}"}, "target.aggregate: fraction is for kind abnormal"),
        ({"target.grains": "all"}, "target.grains: model sgc predicts candidates only; all is for gat"),
        ({"target": "{kind: label}"}, "target.kind: model sgc does not learn label (it does abnormal, growth-ratio)"),
        ({"select": "r2"}, "select: r2 is no metric of abnormal (it has nll, accuracy, "),
        ({"model": "svm"}, "features: 'two' is not among the vision_sets of "),
        ({"grid.feature_subsets": "{min: 3}"}, "grid.feature_subsets: min 3 is more than max, or than the 2 columns"),
        (
            {"model": "gat", "target.grains": "all", "training.loss_grains": "candidate"},
            "training.loss_grains: candidate does not fit target.grains all",
        ),
    ],
)
def test_wrong_experiment_is_refused_in_one_line(project, change, expected):
    message = refused(project, None, change)
    assert message.startswith(f"{project.experiment_file}: ")
    assert expected in message


@pytest.mark.parametrize(
    ("key", "section", "wrong", "known", "near"),
    [
        ("dataset", "datasets", "mad", "made, given", "made"),
        ("split", "splits", "fold", "shares, folds", "folds"),
        ("features", "feature_sets and encoded_sets", "twoo", "two", "two"),
    ],
)
def test_unknown_reference_is_refused_with_the_names_there_are(project, key, section, wrong, known, near):
    message = refused(project, None, {key: wrong})
    assert message == (
        f"{project.experiment_file}: {key}: {wrong!r} is not among the {section} of {project.file} ({known})"
        f"; did you mean {near!r}?"
    )


def test_hops_beyond_the_cut_of_the_data_set_are_refused(project):
    message = refused(project, {"datasets.made.hops": 3}, {"grid.propagation_steps": "[0, 4]"})
    assert message == (
        f"{project.experiment_file}: grid.propagation_steps: 4 reaches beyond the 3 hops that datasets.made.hops "
        "cuts graphs to; lower the one or raise the other"
    )
    assert "grid.propagation_steps: 2" in refused(project, {"datasets.made.hops": 1})  # the default
    assert project({"datasets.made.hops": 3}, {"grid.propagation_steps": "[0, 3]"})
    assert project(None, {"grid.propagation_steps": "[64]"})  # whole microstructures


def test_keys_that_only_a_default_brings_are_not_refused(project):
    config = project(None, {"training.iterations": 20})
    assert config["experiments"]["first"]["training"] == {"iterations": 20, "evaluate_every": 50}


def test_whole_numbers_are_integers_however_written(project):
    given = {"datasets.made.simulate.size": 128.0, "datasets.made.simulate.growth.record": [10.0, 10.5]}
    config = project(given, {"grid.propagation_steps": [1.0], "target.threshold": [8.0]})
    simulate = config["datasets"]["made"]["simulate"]
    assert repr(simulate["size"]) == "128"
    assert repr(simulate["growth"]["record"]) == "[10, 10.5]"
    assert repr(config["experiments"]["first"]["grid"]["propagation_steps"]) == "[1]"
    assert repr(config["experiments"]["first"]["target"]["threshold"]) == "[8]"


def test_a_key_that_stands_twice_in_the_main_file_is_refused(project):
    project.file.write_text(f"{MINIMAL}\nsplits: {{}}\n", encoding="utf-8")
    assert "the key 'splits' stands twice, first in line 6" in refused(project)


def test_no_name_is_proposed_that_is_far_from_what_was_written(project):
    assert "did you mean" not in refused(project, {"zzz": 1})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, 2", "line 1: not valid YAML"),
        ("- a\n- b", r"holds \['a', 'b'\], not a mapping"),
        ("", "holds nothing, not a mapping"),
        ("a: 1\nb: {}\na: 2", "line 3: the key 'a' stands twice, first in line 1$"),
        ("a: {b: 1,\n  b: 1}", "line 2: the key 'b' stands twice, first in line 1$"),
    ],
)
def test_a_file_without_a_mapping_is_refused(tmp_path, text, expected):
    path = tmp_path / "x.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"^{re.escape(str(path))}: {expected}") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_paths_are_expanded(monkeypatch):
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


def walk(part: dict, where: str):
    """All sub-schemas of a schema with their places, references resolved."""
    if "$ref" in part:
        part = {**SCHEMA_CONTENT["$defs"][part["$ref"].rpartition("/")[2]], **part}
    yield where, part
    for key, value in part.get("properties", {}).items():
        yield from walk(value, f"{where}.{key}")
    if isinstance(part.get("additionalProperties"), dict):
        yield from walk(part["additionalProperties"], f"{where}.*")


def all_parts():
    yield from walk(SCHEMA_CONTENT, "config")
    yield from walk(SCHEMA_CONTENT["$defs"]["experiment"], "experiment")


def test_the_schema_lets_no_unknown_key_through():
    mappings = {where: part for where, part in all_parts() if part.get("type") == "object"}
    assert {"config", "config.datasets.*.simulate.growth", "experiment.grid"} <= set(mappings)
    for where, part in mappings.items():
        others = part.get("additionalProperties")
        assert others is False or isinstance(others, dict), where


def test_every_key_of_the_schema_is_described_and_has_a_default_or_is_required():
    seen = 0
    for where, part in all_parts():
        for key, value in part.get("properties", {}).items():
            seen += 1
            sub = dict(walk(value, ""))[""]
            assert sub.get("description", "").endswith((".", ")", "?", "!")), f"{where}.{key} has no description"
            if key not in part.get("required", []) and "default" not in sub:
                # optional: the description says what for
                assert re.search(r"[Ff]or `", sub["description"]), f"{where}.{key} has no default"
    assert seen > 40


def test_defaults_are_valid_and_as_complete_as_what_is_written_out():
    for where, part in all_parts():
        if part.get("default") is not None:
            filled = checked(part["default"], part, SCHEMA_CONTENT, where)
            wanted = {key for key, value in part.get("properties", {}).items() if "default" in value}
            assert wanted <= set(filled if isinstance(filled, dict) else []), where
