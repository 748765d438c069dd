"""Checks between the keys of a configuration: what is missing, does not fit together or has no effect."""

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
"""The keys that have an effect with each method of splitting."""


def check_tracking(where: str, tracking: dict) -> None:
    """Raise ConfigError for a store's address with a login, which would show in logs; it is not repeated here."""
    if has_login(tracking["store"]):
        raise ConfigError(
            f"{where}.store: an address with a user or password in it; give it without, and export "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )


def check_dataset(where: str, given: dict, dataset: dict) -> None:
    """Raise ConfigError for keys that are missing or have no effect. `given` is without defaults."""
    if dataset["source"] != "simulate":
        if "path" not in dataset:
            raise ConfigError(f"{where}: source {dataset['source']} needs the key 'path', the folder of the raw data")
        if "simulate" in dataset:
            raise ConfigError(f"{where}.simulate: only a data set with source simulate takes it")
        for key in ("hops", "time_steps"):
            if dataset["source"] == "labelled-images" and key in given:
                raise ConfigError(f"{where}.{key}: no effect on labelled-images, which have no grains")
        _check_time_steps(where, dataset)
        return
    if "path" in dataset:
        raise ConfigError(f"{where}.path: a simulated data set has none")
    if "shards" in given:
        raise ConfigError(f"{where}.shards: a simulated data set has a shard a batch; set simulate.batch")
    if "simulate" not in dataset:
        raise ConfigError(f"{where}: source simulate needs the key 'simulate'")
    fraction, growth = dataset["simulate"]["red_fraction"], dataset["simulate"]["growth"]
    if isinstance(fraction, list) and fraction[0] > fraction[1]:
        raise ConfigError(f"{where}.simulate.red_fraction: the range {fraction} runs backwards")
    if dataset["simulate"]["mobility"] == "uniform" and "min_mobility" in given["simulate"]:
        raise ConfigError(f"{where}.simulate.min_mobility: no effect with mobility uniform; it is for candidate-red")
    record = growth["record"] if isinstance(growth["record"], list) else [growth["record"]]
    if any(later <= earlier for earlier, later in itertools.pairwise(record)):
        raise ConfigError(f"{where}.simulate.growth.record: the times {record} do not ascend")
    if record and record[-1] > growth["time"]:
        raise ConfigError(f"{where}.simulate.growth.record: {record[-1]} is beyond the growth.time of {growth['time']}")
    _check_time_steps(where, dataset)


def _check_time_steps(where: str, dataset: dict) -> None:
    """Raise ConfigError for time steps out of order, or that a simulation does not record."""
    try:
        time_steps.check(dataset["time_steps"])
        if dataset["source"] == "simulate" and dataset["time_steps"] != time_steps.ALL:
            from graincast.potts.dataset import (
                record_times,  # compiles the simulator's code, so only where it is needed
            )

            time_steps.kept(record_times(dataset["simulate"]["growth"]), dataset["time_steps"])
    except BadInput as error:
        raise ConfigError(f"{where}.time_steps: {error}") from None


def check_split(where: str, given: dict, split: dict) -> None:
    """Raise ConfigError for keys that are missing or have no effect. `given` is without defaults."""
    method = split["method"]
    for key in given:
        if key not in ("method", *SPLIT_KEYS[method]):
            takers = " and ".join(other for other, keys in SPLIT_KEYS.items() if key in keys)
            raise ConfigError(f"{where}.{key}: no effect with method {method}; it is for {takers}")
    if method == "file" and "path" not in split:
        raise ConfigError(f"{where}: method file needs the key 'path', a CSV with the columns microstructure, split")
    if method == "fractions" and split["validation"] + split["test"] >= 1:
        raise ConfigError(f"{where}: validation and test together leave nothing to train on")


def check_sets(file: object, given: dict, config: dict) -> None:
    """Raise ConfigError for encoders and feature sets that do not fit together. `given` is without defaults."""
    names: dict[str, str] = {}
    for section in ("feature_sets", "encoded_sets", "vision_sets"):
        for name in config[section]:
            if names.setdefault(name, section) != section:
                raise ConfigError(f"{file}: {section}.{name}: {names[name]} has a set of this name; choose another")
    for name, encoder in config["encoders"].items():
        for key in given["encoders"][name]:
            if encoder["method"] == "pca" and key in AUTOENCODER_KEYS:
                raise ConfigError(f"{file}: encoders.{name}.{key}: no effect with method pca; it is for autoencoder")
    for name, one in config["encoded_sets"].items():
        where, encoder = f"{file}: encoded_sets.{name}", config["encoders"].get(one["encoder"])
        if encoder is None:
            raise ConfigError(
                f"{where}.encoder: {one['encoder']!r} is not among the encoders ({', '.join(config['encoders'])})"
                f"{nearest(one['encoder'], config['encoders'])}"
            )
        has = encoder["components"]
        if one["components"] > has or (encoder["method"] == "autoencoder" and one["components"] != has):
            which = "has" if encoder["method"] == "pca" else "is an autoencoder of"
            raise ConfigError(
                f"{where}.components: {one['components']}, but encoders.{one['encoder']} {which} {has} components"
            )
    for name, one in config["vision_sets"].items():
        where, network = f"{file}: vision_sets.{name}.network", one["network"]
        if not ("random" in network) ^ ("path" in network):
            raise ConfigError(f"{where}: needs either 'path' and 'sha256' of a file of weights, or 'random', a seed")
        if ("path" in network) != ("sha256" in network):
            raise ConfigError(f"{where}: 'path' and 'sha256' go together; `sha256sum FILE` prints the latter")


def check_experiment(path: Path, given: dict, experiment: dict, config: dict, file: object) -> None:
    """Raise ConfigError for keys that have no effect or do not fit. `given` is without defaults."""
    model, name = MODELS[experiment["model"]], experiment["model"]
    dataset, target = config["datasets"][experiment["dataset"]], experiment["target"]
    sections = ("feature_sets", "encoded_sets") if model.features == "feature_sets" else (model.features,)
    known = [one for section in sections for one in config[section]]
    if experiment["features"] not in known:
        raise ConfigError(
            f"{path}: features: {experiment['features']!r} is not among the {' and '.join(sections)} of {file} "
            f"({', '.join(known)}){nearest(experiment['features'], known)}"
        )
    _check_target(path, given["target"], target, experiment, dataset)
    for section, keys in (("grid", GRID_KEYS[name]), ("training", model.training)):
        for key in given.get(section, {}):
            if key not in keys:
                raise ConfigError(f"{path}: {section}.{key}: no effect with model {name} (it has {', '.join(keys)})")
    for axis in experiment["fan_out"]:
        if axis not in model.axes and not (axis == "threshold" and target["kind"] == ABNORMAL):
            raise ConfigError(f"{path}: fan_out: {axis} is no axis of model {name} with target.kind {target['kind']}")
    kept = NAMES[target["kind"]]
    if experiment["select"] is not None and experiment["select"] not in kept:
        raise ConfigError(
            f"{path}: select: {experiment['select']} is no metric of {target['kind']} (it has {', '.join(kept)})"
        )
    if name == "sgc":
        _check_sgc(path, given, experiment, dataset, config)
    if name == "gat" and target["grains"] == "all" and given.get("training", {}).get("loss_grains") == "candidate":
        raise ConfigError(f"{path}: training.loss_grains: candidate does not fit target.grains all")


def _check_target(path: Path, given: dict, target: dict, experiment: dict, dataset: dict) -> None:
    model, name, kind = MODELS[experiment["model"]], experiment["model"], target["kind"]
    if kind not in model.kinds:
        raise ConfigError(f"{path}: target.kind: model {name} does not learn {kind} (it does {', '.join(model.kinds)})")
    if (kind == LABEL) != (dataset["source"] == "labelled-images"):
        raise ConfigError(
            f"{path}: target.kind: {kind} does not fit datasets.{experiment['dataset']}, whose source is "
            f"{dataset['source']}; label is for labelled-images"
        )
    if kind == ABNORMAL and not target["threshold"]:
        raise ConfigError(f"{path}: target: kind abnormal needs the key 'threshold', such as [10]")
    if kind != ABNORMAL and "threshold" in given:
        raise ConfigError(f"{path}: target.threshold: no effect with kind {kind}; it is for abnormal")
    if target["grains"] == "all" and not model.all_grains:
        raise ConfigError(f"{path}: target.grains: model {name} predicts candidates only; all is for gat")
    if kind == LABEL and "aggregate" in given:
        raise ConfigError(f"{path}: target.aggregate: no effect with kind label")
    if target["aggregate"] == "fraction" and kind != ABNORMAL:
        raise ConfigError(f"{path}: target.aggregate: fraction is for kind abnormal")
    if "fraction" in given and target["aggregate"] != "fraction":
        raise ConfigError(
            f"{path}: target.fraction: no effect with aggregate {target['aggregate']}; it is for fraction"
        )


def _check_sgc(path: Path, given: dict, experiment: dict, dataset: dict, config: dict) -> None:
    training, subsets = experiment["training"], experiment["grid"]["feature_subsets"]
    if "evaluate_every" in given.get("training", {}) and training["evaluate_every"] > training["iterations"]:
        raise ConfigError(
            f"{path}: training.evaluate_every: {training['evaluate_every']} is more than the "
            f"{training['iterations']} iterations"
        )
    steps = max(experiment["grid"]["propagation_steps"])
    if dataset.get("hops") is not None and steps > dataset["hops"]:
        raise ConfigError(
            f"{path}: grid.propagation_steps: {steps} reaches beyond the {dataset['hops']} hops that "
            f"datasets.{experiment['dataset']}.hops cuts graphs to; lower the one or raise the other"
        )
    if subsets:
        columns = config["feature_sets"].get(experiment["features"])
        if columns is None:
            raise ConfigError(f"{path}: grid.feature_subsets: features must be one of feature_sets, not of an encoder")
        if subsets["min"] > min(subsets["max"], len(columns)):
            raise ConfigError(
                f"{path}: grid.feature_subsets: min {subsets['min']} is more than max, or than the {len(columns)} "
                f"columns of {experiment['features']}"
            )
