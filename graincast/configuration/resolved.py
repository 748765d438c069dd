"""The configuration of one experiment in one file: everything resolved, and it runs as it is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from graincast.configuration.checks import SPLIT_KEYS
from graincast.experiment import declaration
from graincast.experiment.targets import ABNORMAL, LABEL
from graincast.graphs.samples import TYPE_KEYS

SECTIONS = ("feature_sets", "encoded_sets", "vision_sets", "stacked_sets")


def resolved(config: dict, name: str, extensions: Sequence[Path]) -> dict[str, Any]:
    """A configuration that runs an experiment as a checked configuration does.

    Its section `experiments` holds the experiment itself. What belongs to the machine (device, tracking, container) is
    left out, and so are keys without effect, which would be refused if they were written.
    """
    one = config["experiments"][name]
    found: dict[str, Any] = {
        "experiments": {name: _experiment(one, declaration.read(one["model"], extensions))},
        "datasets": {one: _dataset(config["datasets"][one]) for one in _datasets(config, one)},
        "splits": {one["split"]: _split(config["splits"][one["split"]])},
    }
    for section in SECTIONS:
        if one["features"] in config[section]:
            found[section] = {one["features"]: config[section][one["features"]]}
    for encoded in found.get("encoded_sets", {}).values():
        found["encoders"] = {encoded["encoder"]: config["encoders"][encoded["encoder"]]}
    for stacked in found.get("stacked_sets", {}).values():
        for member in stacked["experiments"]:
            for section, entries in resolved(config, member, extensions).items():
                if isinstance(entries, dict):
                    found[section] = found.get(section, {}) | entries
    if config["extensions"]:
        found["extensions"] = config["extensions"]
    return found


def as_text(configuration: dict[str, Any]) -> str:
    """A configuration as YAML."""
    return yaml.safe_dump(configuration, sort_keys=False, allow_unicode=True, width=120)


def _experiment(one: dict, model: declaration.Declaration) -> dict:
    target = dict(one["target"])
    if target["kind"] != ABNORMAL:
        del target["threshold"]
    if target["aggregate"] != "fraction":
        del target["fraction"]
    if target["kind"] == LABEL:
        del target["aggregate"]
    training = dict(one["training"])
    for key, setting in model.training.items():
        of, _, limit = setting.get("at_most", "").partition(".")
        if of == "training" and training[key] > training[limit]:
            del training[key]  # a default, which is never refused
    return {**one, "target": target, "training": training}


def _datasets(config: dict, experiment: dict) -> list[str]:
    """The data sets that an experiment learns from, each after the one that it regrows."""
    used = [experiment["dataset"], *experiment["also_train_on"]]
    with_sources = [source for name in used for source in (config["datasets"][name].get("from"), name)]
    return list(dict.fromkeys(filter(None, with_sources)))


def _dataset(dataset: dict) -> dict:
    if "types" in dataset:
        types = dataset["types"]
        dataset = {**dataset, "types": {key: types[key] for key in ("by", *TYPE_KEYS[types["by"]])}}
    for section in ("simulate", "regrow"):
        if section in dataset and dataset[section]["mobility"] == "uniform":
            kept = {key: value for key, value in dataset[section].items() if key != "min_mobility"}
            dataset = {**dataset, section: kept}
    return dataset


def _split(split: dict) -> dict:
    return {key: split[key] for key in ("method", *SPLIT_KEYS[split["method"]])}
