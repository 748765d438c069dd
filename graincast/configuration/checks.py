"""Checks across the keys of a configuration: keys that are missing, contradict each other or have no effect."""

import itertools
from pathlib import Path

from graincast.configuration.errors import ConfigError, nearest
from graincast.evaluation.metrics import NAMES
from graincast.experiment.splits import METHOD_KEYS
from graincast.experiment.targets import ABNORMAL, LABEL
from graincast.graphs import time_steps
from graincast.microstructure import BadInput
from graincast.models.registry import MODELS
from graincast.tracking.addresses import has_login

AUTOENCODER_KEYS = ("architecture", "epochs", "batch_size", "learning_rate", "seed")
GRID_KEYS = {
    name: tuple("feature_subsets" if axis == "feature_subset" else axis for axis in model.axes)
    for name, model in MODELS.items()
}
SPLIT_KEYS = METHOD_KEYS | {"file": ("path",)}
"""The keys that have an effect, by splitting method."""


def check_tracking(where: str, tracking: dict) -> None:
    """Raise ConfigError if the store's address contains a login: it would end up in logs. The message hides it."""
    if has_login(tracking["store"]):
        raise ConfigError(
            f"{where}.store: the address contains a user name or password; remove it and export "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )


def check_dataset(where: str, written: dict, dataset: dict) -> None:
    """Raise ConfigError for keys that are missing or have no effect. `written` lacks the defaults."""
    source = dataset["source"]
    if source != "simulate":
        if "path" not in dataset:
            raise ConfigError(f"{where}: source {source} needs the key 'path', the folder of the raw data")
        if "simulate" in dataset:
            raise ConfigError(f"{where}.simulate: no effect with source {source}; it is for simulate")
        for key in ("hops", "time_steps"):
            if source == "labelled-images" and key in written:
                raise ConfigError(f"{where}.{key}: no effect with source labelled-images, which has no grains")
        _check_time_steps(where, dataset)
        return
    if "path" in dataset:
        raise ConfigError(f"{where}.path: no effect with source simulate; remove it")
    if "shards" in written:
        raise ConfigError(
            f"{where}.shards: no effect with source simulate, which makes one shard per batch; set simulate.batch"
        )
    if "simulate" not in dataset:
        raise ConfigError(f"{where}: source simulate needs the key 'simulate'")
    fraction, growth = dataset["simulate"]["red_fraction"], dataset["simulate"]["growth"]
    if isinstance(fraction, list) and fraction[0] > fraction[1]:
        raise ConfigError(f"{where}.simulate.red_fraction: the range {fraction} is reversed; write the smaller first")
    if dataset["simulate"]["mobility"] == "uniform" and "min_mobility" in written["simulate"]:
        raise ConfigError(f"{where}.simulate.min_mobility: no effect with mobility uniform; it is for candidate-red")
    record = growth["record"] if isinstance(growth["record"], list) else [growth["record"]]
    if any(later <= earlier for earlier, later in itertools.pairwise(record)):
        raise ConfigError(f"{where}.simulate.growth.record: the times {record} do not ascend")
    if record and record[-1] > growth["time"]:
        raise ConfigError(f"{where}.simulate.growth.record: {record[-1]} is later than growth.time ({growth['time']})")
    _check_time_steps(where, dataset)


def _check_time_steps(where: str, dataset: dict) -> None:
    """Raise ConfigError for time steps that are out of order or that the simulation does not record."""
    try:
        time_steps.check(dataset["time_steps"])
        if dataset["source"] == "simulate" and dataset["time_steps"] != time_steps.ALL:
            from graincast.potts.dataset import record_times  # only if needed: it compiles the simulator

            time_steps.kept_records(record_times(dataset["simulate"]["growth"]), dataset["time_steps"])
    except BadInput as error:
        raise ConfigError(f"{where}.time_steps: {error}") from None


def check_split(where: str, written: dict, split: dict) -> None:
    """Raise ConfigError for keys that are missing or have no effect. `written` lacks the defaults."""
    method = split["method"]
    for key in written:
        if key not in ("method", *SPLIT_KEYS[method]):
            methods = " and ".join(other for other, keys in SPLIT_KEYS.items() if key in keys)
            raise ConfigError(f"{where}.{key}: no effect with method {method}; it is for {methods}")
    if method == "file" and "path" not in split:
        raise ConfigError(f"{where}: method file needs the key 'path', a CSV with the columns microstructure, split")
    if method == "fractions" and split["validation"] + split["test"] >= 1:
        raise ConfigError(f"{where}: validation and test together leave nothing to train on")


def check_sets(file: object, written: dict, config: dict) -> None:
    """Raise ConfigError for encoders and feature sets that contradict each other. `written` lacks the defaults."""
    sections: dict[str, str] = {}
    for section in ("feature_sets", "encoded_sets", "vision_sets"):
        for name in config[section]:
            first = sections.setdefault(name, section)
            if first != section:
                raise ConfigError(f"{file}: {section}.{name}: {first} already has a set of this name; choose another")
    for name, encoder in config["encoders"].items():
        for key in written["encoders"][name]:
            if encoder["method"] == "pca" and key in AUTOENCODER_KEYS:
                raise ConfigError(f"{file}: encoders.{name}.{key}: no effect with method pca; it is for autoencoder")
    for name, encoded_set in config["encoded_sets"].items():
        where, encoder_name = f"{file}: encoded_sets.{name}", encoded_set["encoder"]
        encoder = config["encoders"].get(encoder_name)
        if encoder is None:
            raise ConfigError(
                f"{where}.encoder: {encoder_name!r} is not among the encoders ({', '.join(config['encoders'])})"
                f"{nearest(encoder_name, config['encoders'])}"
            )
        components, available = encoded_set["components"], encoder["components"]
        if components > available or (encoder["method"] == "autoencoder" and components != available):
            remedy = f"use at most {available}" if encoder["method"] == "pca" else "an autoencoder needs all of them"
            raise ConfigError(
                f"{where}.components: {components}, but encoders.{encoder_name} has {available} components; {remedy}"
            )
    for name, vision_set in config["vision_sets"].items():
        where, network = f"{file}: vision_sets.{name}.network", vision_set["network"]
        if not ("random" in network) ^ ("path" in network):
            raise ConfigError(f"{where}: needs either 'path' and 'sha256' of a weights file, or 'random', a seed")
        if ("path" in network) != ("sha256" in network):
            raise ConfigError(f"{where}: 'path' and 'sha256' go together; `sha256sum FILE` prints the latter")


def check_experiment(path: Path, written: dict, experiment: dict, config: dict, file: object) -> None:
    """Raise ConfigError for keys that have no effect or contradict others. `written` lacks the defaults."""
    model, name = MODELS[experiment["model"]], experiment["model"]
    dataset, target = config["datasets"][experiment["dataset"]], experiment["target"]
    sections = ("feature_sets", "encoded_sets") if model.features == "feature_sets" else (model.features,)
    set_names = [set_name for section in sections for set_name in config[section]]
    if experiment["features"] not in set_names:
        raise ConfigError(
            f"{path}: features: {experiment['features']!r} is not among the {' and '.join(sections)} of {file} "
            f"({', '.join(set_names)}){nearest(experiment['features'], set_names)}"
        )
    _check_target(path, written["target"], target, experiment, dataset)
    if dataset["source"] == "labelled-images" and config["splits"][experiment["split"]]["stratify"]:
        raise ConfigError(
            f"{path}: split: {experiment['split']} is stratified by growth ratio, which labelled images do not have; "
            f"choose another, or set splits.{experiment['split']}.stratify to false"
        )
    for section, keys in (("grid", GRID_KEYS[name]), ("training", model.training)):
        for key in written.get(section, {}):
            if key not in keys:
                takes = ", ".join(keys) or "nothing"
                raise ConfigError(f"{path}: {section}.{key}: no effect with model {name} (it takes {takes})")
    for axis in experiment["fan_out"]:
        if axis not in model.axes and not (axis == "threshold" and target["kind"] == ABNORMAL):
            raise ConfigError(
                f"{path}: fan_out: {axis} is not an axis of model {name} with target.kind {target['kind']}"
            )
    metrics = NAMES[target["kind"]]
    if experiment["select"] is not None and experiment["select"] not in metrics:
        raise ConfigError(
            f"{path}: select: {experiment['select']} is not a metric of {target['kind']} (choose {', '.join(metrics)})"
        )
    if name == "sgc":
        _check_sgc(path, written, experiment, dataset, config)
    if name == "gat" and target["grains"] == "all" and written.get("training", {}).get("loss_grains") == "candidate":
        raise ConfigError(f"{path}: training.loss_grains: candidate contradicts target.grains all; remove it")


def _check_target(path: Path, written: dict, target: dict, experiment: dict, dataset: dict) -> None:
    model, name, kind = MODELS[experiment["model"]], experiment["model"], target["kind"]
    if kind not in model.kinds:
        kinds = ", ".join(model.kinds)
        raise ConfigError(f"{path}: target.kind: model {name} cannot learn {kind} (it can learn {kinds})")
    if (kind == LABEL) != (dataset["source"] == "labelled-images"):
        raise ConfigError(
            f"{path}: target.kind: {kind} does not fit datasets.{experiment['dataset']}, whose source is "
            f"{dataset['source']}; label is for labelled-images"
        )
    if kind == ABNORMAL and not target["threshold"]:
        raise ConfigError(f"{path}: target: kind abnormal needs the key 'threshold', such as [10]")
    if kind != ABNORMAL and "threshold" in written:
        raise ConfigError(f"{path}: target.threshold: no effect with kind {kind}; it is for abnormal")
    if target["grains"] == "all" and not model.all_grains:
        raise ConfigError(f"{path}: target.grains: model {name} predicts candidate grains only; all is for gat")
    if kind == LABEL and "aggregate" in written:
        raise ConfigError(f"{path}: target.aggregate: no effect with kind label; remove it")
    if target["aggregate"] == "fraction" and kind != ABNORMAL:
        raise ConfigError(f"{path}: target.aggregate: fraction is for kind abnormal only")
    if "fraction" in written and target["aggregate"] != "fraction":
        raise ConfigError(
            f"{path}: target.fraction: no effect with aggregate {target['aggregate']}; it is for fraction"
        )


def _check_sgc(path: Path, written: dict, experiment: dict, dataset: dict, config: dict) -> None:
    training, subsets = experiment["training"], experiment["grid"]["feature_subsets"]
    if "evaluate_every" in written.get("training", {}) and training["evaluate_every"] > training["iterations"]:
        raise ConfigError(
            f"{path}: training.evaluate_every: {training['evaluate_every']} is more than the "
            f"{training['iterations']} iterations"
        )
    steps = max(experiment["grid"]["propagation_steps"])
    if dataset.get("hops") is not None and steps > dataset["hops"]:
        raise ConfigError(
            f"{path}: grid.propagation_steps: {steps} steps reach further than datasets.{experiment['dataset']}.hops "
            f"({dataset['hops']}); lower the one or raise the other"
        )
    if subsets:
        columns = config["feature_sets"].get(experiment["features"])
        if columns is None:
            raise ConfigError(f"{path}: grid.feature_subsets: needs features from feature_sets, not from encoded_sets")
        if subsets["min"] > min(subsets["max"], len(columns)):
            raise ConfigError(
                f"{path}: grid.feature_subsets: min {subsets['min']} is more than max or than the {len(columns)} "
                f"columns of {experiment['features']}"
            )
