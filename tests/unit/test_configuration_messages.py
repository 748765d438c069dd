"""Each kind of mistake in a configuration is answered with one helpful line."""

import pytest

from graincast.configuration.load import predefined_feature_sets
from tests.configured import loaded, rejection

PREDEFINED = ", ".join(predefined_feature_sets())
SIMULATE, GROWTH = "datasets.sim.simulate", "datasets.sim.simulate.growth"
IMAGES = {"datasets.images": "{source: labelled-images, path: x}", "vision_sets": "{v: {network: {random: 0}}}"}
PCA = {"encoders": "{pca: {method: pca}}"}
CODES = {**PCA, "encoded_sets": "{codes: {encoder: pca, components: 2}}"}
RATES = "{from: 0.01, to: 0.1}"
RANGE = {"grid.learning_rate": RATES, "search.trials": 9}
SVM = {"dataset": "images", "features": "v", "model": "svm", "target": "{kind: label}"}

NAMED = ("datasets", "splits", "feature_sets", "encoded_sets", "encoders", "vision_sets")
"""Sections whose entries have names of the user's own."""


# changes to the configuration, and what the message must say
WRONG_CONFIG = [
    ({"dataset": "{}"}, "top level: unknown key 'dataset'; did you mean 'datasets'? (known: "),
    ({"tracking.1": "2"}, "tracking: YAML reads a name as 1; put it in quotes"),
    ({"datasets.10": "{source: spparks}"}, "datasets: YAML reads a name as 10; put it in quotes"),
    (
        {"datasets.a b": "{}"},
        r"datasets: 'a b' does not match ^[A-Za-z0-9][A-Za-z0-9_-]*\Z; use letters, digits, - and _",
    ),
    *(({section: r'{"a\n": {}}'}, rf"{section}: 'a\n' does not match ^") for section in NAMED),
    *(
        (
            {section: f'{{"{"long" * 26}": {{}}}}'},
            f"{section}: the name {'long' * 10}… has 104 characters; use at most 100",
        )
        for section in NAMED
    ),
    (
        {"experiments": f"[{'long' * 26}]"},
        f"experiments.0: the name {'long' * 10}… has 104 characters; use at most 100",
    ),
    ({"datasets.raw.source": ...}, "datasets.raw: the key 'source' is missing (required: source)"),
    ({"datasets.raw.shards": "many"}, "datasets.raw.shards: 'many' is not an integer"),
    ({"datasets.raw.shards": "on"}, "datasets.raw.shards: true is not an integer"),
    ({"splits": "null"}, "splits: nothing is not a mapping of keys"),
    ({f"{GROWTH}.time": "1.5e6"}, "'1.5e6' is not a number; YAML reads it as text, write 1500000 or 1.5e+6"),
    ({f"{GROWTH}.record": "[5, .inf]"}, f"{GROWTH}.record.1: inf is not a finite number"),
    ({"datasets.sim.hops": 0}, "datasets.sim.hops: 0 is less than the minimum of 1"),
    ({"experiments": "[]"}, "experiments: [] should be non-empty"),
    ({"datasets.raw.source": "spark"}, "'spark' is none of deepspparks-json, spparks, "),
    ({f"{SIMULATE}.red_fraction": "some"}, f"{SIMULATE}.red_fraction: 'some' is not a valid number or list"),
    ({f"{SIMULATE}.red_fraction": "2e-1"}, "not a valid number or list ('2e-1' is not a number; YAML reads it as text"),
    ({f"{SIMULATE}.red_fraction": "[0, 1.5]"}, "not a valid number or list (1.5 is greater than the maximum of 1)"),
    ({"feature_sets.two": "type"}, "feature_sets.two.nodes: 'type' is not a list; write ['type']"),
    ({"feature_sets.two": "[]"}, "feature_sets.two.nodes: [] should be non-empty"),
    ({"feature_sets": "null"}, "feature_sets: nothing is not a mapping of keys"),
    ({"experiments": "[firs]"}, "did you mean 'first'?"),
    (
        {"tracking.store": "file:/data/me/"},
        "tracking.store: 'file:/data/me/' is no database or server, and MLflow keeps no runs in plain folders; write "
        "sqlite:////data/me/mlflow.db, or the https:// address of a server",
    ),
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
        "encoded_sets.e.components: 31, but encoders.a has 32 components; method autoencoder needs all of them",
    ),
    ({"datasets.raw.path": ...}, "datasets.raw: source spparks needs the key 'path' (folder of the raw data)"),
    ({"datasets.raw.simulate": "{}"}, "(a SPPARKS/meso run folder, or a folder of them); it is for simulate"),
    ({**IMAGES, "datasets.images.hops": 2}, "images.hops: no effect with source labelled-images (a folder of images"),
    ({"datasets.raw.time_steps": "{times: [2, 1]}"}, "datasets.raw.time_steps: the times [2, 1] do not ascend"),
    ({"datasets.sim.time_steps": "{evenly: 3}"}, "the growth run has 2 records from 0 to 4000000 MCS"),
    ({"datasets.sim.path": "x"}, "datasets.sim.path: no effect with source simulate (the built-in"),
    ({"datasets.sim.shards": 4}, "simulator; one shard per `simulate.batch`); it is for deepspparks-json,"),
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
    (
        {"model": "logistic", "ensemble": 2},
        "ensemble: model logistic has no seed, so its members would be equal; it is",
    ),
    ({"target.fraction": 0.4}, "target.fraction: no effect with aggregate mean; it is for fraction"),
    (
        {"target.soft": True},
        "target.soft: datasets.sim has one growth run per state; use more growth runs or remove it",
    ),
    (
        {"target": "{kind: growth-ratio, soft: true}"},
        "target.soft: no effect with kind growth-ratio; it is for abnormal",
    ),
    (
        {**SVM, "target": "{threshold: [3], soft: true}", "dataset": "sim"},
        "target.soft: model svm learns labels only; it",
    ),
    ({"target.grains": "all"}, "target.grains: model sgc predicts candidate grains only; all is for gat"),
    ({"target": "{kind: label}"}, "model sgc cannot learn label (it can learn abnormal, growth-ratio)"),
    ({**SVM, "dataset": "sim", "target": "{kind: label}"}, "label does not fit datasets.sim, whose source is simulate"),
    ({"model": "svm"}, "features: 'two' is not among the vision_sets of "),
    ({"training.epochs": 5}, "training.epochs: no effect with model sgc (it takes iterations, evaluate_every)"),
    ({**SVM, "training.epochs": 5}, "training.epochs: no effect with model svm (it takes nothing)"),
    ({"also_train_on": "[sin]"}, "also_train_on: 'sin' is not among the datasets of "),
    ({"also_train_on": "[sim]"}, "also_train_on: sim is the experiment's own data set; remove it"),
    ({"features": "codes", "also_train_on": "[raw]"}, "also_train_on: codes is not from feature_sets, whose features"),
    ({"fan_out": "[c]"}, "fan_out: 'c' is not an axis of model sgc with target.kind abnormal"),
    ({"select": "r2"}, "select: 'r2' cannot choose a trial of kind abnormal (choose nll, accuracy, "),
    (
        {"training": "{iterations: 4, evaluate_every: 5}"},
        "evaluate_every: 5 is more than training.iterations (4); lower the one or raise",
    ),
    (
        {"grid.learning_rate": RATES},
        "grid.learning_rate: a range needs the key 'search', such as {trials: 30}; or write",
    ),
    ({"search.trials": 9}, "search: no axis of the grid is a range, such as {from: 1, to: 4}; or remove it"),
    (RANGE | {"search": "{}"}, "search: the key 'trials' is missing (required: trials)"),
    (
        RANGE | {"grid.learning_rate.to": 0.01},
        "grid.learning_rate: from 0.01 is not below to 0.01; write the smaller first",
    ),
    (RANGE | {"grid.learning_rate.to": 20}, "grid.learning_rate.to: 20 is greater than the maximum of 10"),
    (RANGE | {"grid.learning_rate": "{from: 0.1}"}, "grid.learning_rate: a range needs the key 'to' (upper end)"),
    (
        RANGE | {"grid.learning_rate.lag": True},
        "grid.learning_rate: unknown key 'lag'; did you mean 'log'? (known: from, to, log)",
    ),
    (
        RANGE | {"grid.weight_decay": "{from: 0, to: 1, log: true}"},
        "grid.weight_decay: from 0 has no logarithm; raise it above 0 or remove log",
    ),
    (RANGE | {"grid.propagation_steps": "{from: 1, to: 2.5}"}, "grid.propagation_steps.to: 2.5 is not an integer"),
    (RANGE | {"grid.c": "{from: 1, to: 2}"}, "grid.c: no effect with model sgc"),
    (RANGE | {"grid.feature_subsets": "{max: 1}"}, "grid.feature_subsets: not with search, which does not try all"),
    (RANGE | {"fan_out": "[seed]"}, "fan_out: no effect with search, whose jobs are its studies; remove it"),
    (
        {"model": "logistic", "grid.c": "{from: 0.1, to: 1}", "search": "{trials: 9, prune: true}"},
        "search.prune: model logistic is not trained in steps; it is for gat, gatv2, gin, pna, sgc, sign",
    ),
    (
        {"model": "logistic", "grid.transform": "{from: a, to: b}", "search.trials": 9},
        "grid.transform: {'from': 'a', 'to': 'b'} is not a list",
    ),
    ({"grid.feature_subsets": "{min: 3}"}, "grid.feature_subsets: min 3 is more than max or than the 2 columns of two"),
    ({"features": "codes", "grid.feature_subsets": "{min: 1}"}, "needs features from feature_sets, not from"),
    (
        {"model": "gat", "target.grains": "all", "training.loss_grains": "candidate"},
        "training.loss_grains: candidate contradicts target.grains all; remove it",
    ),
    (
        {"model": "gat", "training.loss_grains": "all", "training.context": "mean"},
        "training.context: surrounds candidates, which loss_grains all contradicts",
    ),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG_CONFIG)
def test_a_wrong_configuration_is_rejected_in_one_line(tmp_path, changes, expected):
    message = rejection(tmp_path, changes)
    assert message.startswith(f"{tmp_path}/config.yaml: ")
    assert expected in message
    assert "me:pass" not in message


@pytest.mark.parametrize(("changes", "expected"), WRONG_EXPERIMENT)
def test_a_wrong_experiment_is_rejected_in_one_line(tmp_path, changes, expected):
    message = rejection(tmp_path, IMAGES | CODES, changes)
    assert message.startswith(f"{tmp_path}/experiments/first.yaml: ")
    assert expected in message


# a misspelt name in a configuration, and the name that the message must suggest
MISSPELT_CONFIG = [
    ("feature_sts", "{}", "feature_sets"),
    ("datasets.raw.shard", 3, "shards"),
    ("datasets.raw.time_steps", "first_last", "first-last"),
    ("datasets.raw.time_steps", "{evenley: 3}", "evenly"),
    (f"{SIMULATE}.mobilty", "uniform", "mobility"),
    (f"{SIMULATE}.mobility", "unifrom", "uniform"),
    (f"{SIMULATE}.initial.tme", 3, "time"),
    (f"{GROWTH}.temprature", 1, "temperature"),
    ("splits.folds.method", "kfold", "k-fold"),
    ("splits.folds.repeat", 2, "repeats"),
    ("feature_sets.two", "[type, aera]", "area"),
    ("feature_sets.two", "{nodes: [type], edges: [boundary_lenght]}", "boundary_length"),
    ("feature_sets.two", "{node: [type]}", "nodes"),
    ("encoders", "{a: {method: autoencodr}}", "autoencoder"),
    ("encoders", "{a: {method: autoencoder, batch_sizes: 3}}", "batch_size"),
    ("encoders", "{a: {method: autoencoder, architecture: tinny}}", "tiny"),
    ("encoded_sets", "{e: {encoder: pca, component: 2}}", "components"),
    ("vision_sets", "{v: {network: {ranom: 0}}}", "random"),
    ("tracking.timeot", 3, "timeout"),
]
MISSPELT_EXPERIMENT = [
    ("split", "held_out", "held-out"),
    ("model", "sgcc", "sgc"),
    ("targt", "{}", "target"),
    ("target.treshold", "[1]", "threshold"),
    ("target.kind", "abnormall", "abnormal"),
    ("grid.learning_rates", "[0.1]", "learning_rate"),
    ("grid.feature_subsets", "{mim: 1}", "min"),
    ("training.iteration", 5, "iterations"),
    ("fan_out", "[propagation_step]", "propagation_steps"),
    ("select", "accurracy", "accuracy"),
]


@pytest.mark.parametrize(("key", "value", "name"), MISSPELT_CONFIG)
def test_a_misspelt_name_in_a_configuration_is_corrected(tmp_path, key, value, name):
    assert f"; did you mean {name!r}?" in rejection(tmp_path, {key: value})


@pytest.mark.parametrize(("key", "value", "name"), MISSPELT_EXPERIMENT)
def test_a_misspelt_name_in_an_experiment_is_corrected(tmp_path, key, value, name):
    assert f"; did you mean {name!r}?" in rejection(tmp_path, None, {key: value})


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("hops", "hops: belongs to datasets.<name> (known here: experiments, "),
        ("datasets.sim.seed", "datasets.sim.seed: belongs to datasets.sim."),
        ("datasets.sim.runs", "datasets.sim.runs: belongs to datasets.sim.simulate.growth"),
        ("datasets.raw.evenly", "datasets.raw.evenly: belongs to datasets.raw.time_steps"),
        ("datasets.sim.time", "belongs to datasets.sim.simulate.growth or datasets.sim.simulate.initial"),
        (f"{SIMULATE}.hops", f"{SIMULATE}.hops: belongs to datasets.sim (known here: seed, "),
        ("splits.folds.columns", "splits.folds.columns: belongs to encoded_sets.<name>"),
        ("architecture", "architecture: belongs to encoders.<name>"),
        ("timeout", "timeout: belongs to tracking"),
        ("tracking.device", "tracking.device: belongs to the top level"),
    ],
)
def test_a_key_in_the_wrong_place_of_a_configuration_is_told_the_right_one(tmp_path, key, expected):
    more = {f"datasets.raw{i}": "{source: spparks, path: x}" for i in range(5)}
    assert expected in rejection(tmp_path, {**more, key: 1})


@pytest.mark.parametrize(
    ("model", "key", "expected"),
    [
        ("gat", "grid.hidden", "grid.hidden: belongs to training (known here: learning_rate, weight_decay, seed)"),
        ("gat", "training.seed", "training.seed: belongs to grid or search (known here: epochs, "),
        ("gat", "learning_rate", "learning_rate: belongs to grid (known here: base, "),
        ("gat", "threshold", "threshold: belongs to target"),
        ("gat", "training.select", "training.select: belongs to the top level"),
        ("sgc", "grid.min", "grid.min: belongs to grid.feature_subsets"),
        ("sgc", "training.heads", "no effect with model sgc (it takes iterations, evaluate_every); it is for gat"),
        ("sgc", "training.hidden", "it is for gat"),
        ("sgc", "grid.hidden", "grid.hidden: no effect with model sgc (it takes feature_subsets, propagation_steps, "),
        ("sgc", "epochs", "epochs: no effect with model sgc; it is for gat"),
        ("gin", "training.heads", "training.heads: no effect with model gin (it takes "),
    ],
)
def test_a_key_in_the_wrong_place_of_an_experiment_is_told_the_right_one(tmp_path, model, key, expected):
    assert expected in rejection(tmp_path, None, {"model": model, key: 1})


def test_a_key_of_another_source_or_encoder_is_named_as_such(tmp_path):
    assert "it is for deepspparks-json, spparks, simulate" in rejection(tmp_path, {**IMAGES, "datasets.images.hops": 2})
    message = rejection(tmp_path, {"encoders": "{p: {method: pca, architecture: deep}}"})
    assert message.endswith("encoders.p.architecture: no effect with method pca; it is for autoencoder")


def test_labelled_images_cannot_be_stratified(tmp_path):
    images = SVM | {"split": "folds"}
    loaded(tmp_path, IMAGES, images)
    message = rejection(tmp_path, IMAGES | {"splits.folds.stratify": True}, images)
    assert "first.yaml: split: folds is stratified by growth ratio, which labelled images do not have;" in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("grid.hops", "[1]", "grid: unknown key 'hops'; it is now called 'propagation_steps' (known: "),
        ("target.share", 0.4, "target: unknown key 'share'; it is now called 'fraction' (known: "),
        (
            "target.aggregate",
            "share",
            "'share' is none of mean, median, min, max, fraction; it is now called 'fraction'",
        ),
        ("fan_out", "[hops]", "fan_out: 'hops' is not an axis of model sgc with target.kind abnormal (axes: "),
        ("fan_out", "[hops]", "; it is now called 'propagation_steps'"),
    ],
)
def test_a_former_name_is_answered_with_the_present_one(tmp_path, key, value, expected):
    assert expected in rejection(tmp_path, None, {key: value})


@pytest.mark.parametrize(
    ("key", "section", "name", "known", "nearest"),
    [
        ("dataset", "datasets", "simm", "sim, raw", "sim"),
        ("split", "splits", "fold", "held-out, folds", "folds"),
        ("features", "feature_sets and encoded_sets", "twoo", f"{PREDEFINED}, two", "two"),
    ],
)
def test_an_unknown_reference_is_rejected_with_the_known_names(tmp_path, key, section, name, known, nearest):
    assert rejection(tmp_path, None, {key: name}) == (
        f"{tmp_path}/experiments/first.yaml: {key}: {name!r} is not among the {section} of {tmp_path}/config.yaml "
        f"({known}); did you mean {nearest!r}?"
    )


def test_propagation_may_not_reach_further_than_the_hops_of_the_data_set(tmp_path):
    message = rejection(tmp_path, {"datasets.sim.hops": 3}, {"grid.propagation_steps": "[0, 4]"})
    assert message == (
        f"{tmp_path}/experiments/first.yaml: grid.propagation_steps: 4 is more than datasets.sim.hops (3); "
        "lower the one or raise the other"
    )
    assert "grid.propagation_steps: 2" in rejection(tmp_path, {"datasets.sim.hops": 1})  # the default
    assert loaded(tmp_path, {"datasets.sim.hops": 3}, {"grid.propagation_steps": "[0, 3]"})
    assert loaded(tmp_path, None, {"grid.propagation_steps": "[64]"})  # whole microstructures
