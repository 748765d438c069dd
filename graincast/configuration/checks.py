"""Checks across the keys of a configuration: keys that are missing, contradict each other or have no effect."""

import itertools
from collections.abc import Callable, Iterator, Mapping

from graincast.configuration.errors import ConfigError, nearest
from graincast.configuration.schema import ENCODERS
from graincast.evaluation import metrics
from graincast.experiment.declaration import FEATURE_SUBSETS, Declaration
from graincast.experiment.splits import METHOD_KEYS
from graincast.experiment.targets import ABNORMAL, ALL, CANDIDATE, LABEL
from graincast.features.named import Features, listed
from graincast.files import declaration
from graincast.graphs import time_steps
from graincast.graphs.samples import MESO, TYPE_KEYS
from graincast.microstructure import BadInput
from graincast.raw.sources import SOURCES
from graincast.tracking.addresses import has_login, problem

SPLIT_KEYS = METHOD_KEYS | {"file": ("path",)}
"""The keys that have an effect, by splitting method."""


def check_tracking(where: str, tracking: dict) -> None:
    """Raise ConfigError if the store's address is none, or contains a login, which would end up in logs.

    The message hides what is secret.
    """
    if has_login(tracking["store"]):
        raise ConfigError(
            f"{where}.store: the address contains a user name or password; remove it and export "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        )
    if found := problem(tracking["store"]):
        raise ConfigError(f"{where}.store: {found}")


def check_dataset(where: str, written: dict, dataset: dict) -> None:
    """Raise ConfigError for keys that contradict others. `written` lacks the defaults."""
    if "simulate" in dataset:
        _check_simulation(f"{where}.simulate", written["simulate"], dataset["simulate"])
    if "regrow" in dataset:
        _check_growth(f"{where}.regrow", written["regrow"], dataset["regrow"])
    if "time_steps" in dataset:
        _check_time_steps(where, dataset)
    if "types" in dataset:
        _check_types(where, written.get("types", {}), dataset)


def _check_types(where: str, written: dict, dataset: dict) -> None:
    by, source = dataset["types"]["by"], dataset["source"]
    if by == MESO and not SOURCES[source].types:
        others = ", ".join(rule for rule in TYPE_KEYS if rule != MESO)
        raise ConfigError(f"{where}.types.by: source {source} encodes no grain types; choose one of {others}")
    for key in written:
        if key not in ("by", *TYPE_KEYS[by]):
            rules = " and ".join(rule for rule, keys in TYPE_KEYS.items() if key in keys)
            raise ConfigError(f"{where}.types.{key}: no effect with by {by}; it is for {rules}")


def _check_simulation(where: str, written: dict, simulate: dict) -> None:
    fraction = simulate["red_fraction"]
    if isinstance(fraction, list) and fraction[0] > fraction[1]:
        raise ConfigError(f"{where}.red_fraction: the range {fraction} is reversed; write the smaller first")
    if simulate["mobility"] == "uniform" and simulate["balance"] > 1:
        raise ConfigError(f"{where}.balance: no effect with mobility uniform; the forecast is for candidate-red")
    _check_growth(where, written, simulate)


def _check_growth(where: str, written: dict, simulate: dict) -> None:
    growth = simulate["growth"]
    if simulate["mobility"] == "uniform" and "min_mobility" in written:
        raise ConfigError(f"{where}.min_mobility: no effect with mobility uniform; it is for candidate-red")
    record = growth["record"] if isinstance(growth["record"], list) else [growth["record"]]
    if any(later <= earlier for earlier, later in itertools.pairwise(record)):
        raise ConfigError(f"{where}.growth.record: the times {record} do not ascend")
    if record and record[-1] > growth["time"]:
        raise ConfigError(f"{where}.growth.record: {record[-1]} is later than growth.time ({growth['time']})")


def _check_time_steps(where: str, dataset: dict) -> None:
    """Raise ConfigError for time steps that are out of order or that the simulation does not record."""
    try:
        time_steps.check(dataset["time_steps"])
        made = dataset.get("simulate") or dataset.get("regrow")
        if made and dataset["time_steps"] != time_steps.ALL:
            from graincast.potts.dataset import record_times  # only if needed: it compiles the simulator

            time_steps.kept_records(record_times(made["growth"]), dataset["time_steps"])
    except BadInput as error:
        raise ConfigError(f"{where}.time_steps: {error}") from None


def check_from(where: str, name: str, datasets: Mapping[str, dict]) -> None:
    """Raise ConfigError where a data set regrows one that is not there, has no grains, is cut or regrown itself."""
    source = datasets[name].get("from")
    if source is None:
        return
    if source not in datasets:
        raise ConfigError(f"{where}.from: {source!r} is not among the datasets{nearest(source, datasets)}")
    other = datasets[source]
    if not SOURCES[other["source"]].reader or other["source"] == "regrow":
        raise ConfigError(f"{where}.from: {source} is of source {other['source']}, which has no states to regrow")
    if other.get("hops") is not None:
        raise ConfigError(f"{where}.from: {source} is cut to hops {other['hops']}; name a data set with hops null")


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


def check_sets(file: object, config: dict, features: tuple[Features, Features]) -> None:
    """Raise ConfigError for encoders and feature sets that contradict each other.

    features  node features and edge features by name
    """
    sections: dict[str, str] = {}
    for section in ("feature_sets", "encoded_sets", "vision_sets", "stacked_sets"):
        for name in config[section]:
            first = sections.setdefault(name, section)
            if first != section:
                raise ConfigError(f"{file}: {section}.{name}: {first} already has a set of this name; choose another")
    for where, name, known in _named_features(config, features):
        if name not in known:
            raise ConfigError(f"{file}: {where}: {name!r} is none of {listed(known)}{nearest(name, known)}")
    for name, encoded_set in config["encoded_sets"].items():
        where, encoder_name = f"{file}: encoded_sets.{name}", encoded_set["encoder"]
        encoder = config["encoders"].get(encoder_name)
        if encoder is None:
            raise ConfigError(
                f"{where}.encoder: {encoder_name!r} is not among the encoders ({', '.join(config['encoders'])})"
                f"{nearest(encoder_name, config['encoders'])}"
            )
        components, available = encoded_set["components"], encoder["components"]
        truncates = declaration.read(encoder["method"], [ENCODERS])["truncates"]
        if components > available or (not truncates and components != available):
            remedy = f"use at most {available}" if truncates else f"method {encoder['method']} needs all of them"
            raise ConfigError(
                f"{where}.components: {components}, but encoders.{encoder_name} has {available} components; {remedy}"
            )
    for name, vision_set in config["vision_sets"].items():
        where, network = f"{file}: vision_sets.{name}.network", vision_set["network"]
        if not ("random" in network) ^ ("path" in network):
            raise ConfigError(f"{where}: needs either 'path' and 'sha256' of a weights file, or 'random', a seed")
        if ("path" in network) != ("sha256" in network):
            raise ConfigError(f"{where}: 'path' and 'sha256' go together; `sha256sum FILE` prints the latter")


def _named_features(config: dict, features: tuple[Features, Features]) -> Iterator[tuple[str, str, Features]]:
    """(key, name, table) of each feature that a configuration names."""
    nodes, edges = features
    for name, one in config["feature_sets"].items():
        yield from ((f"feature_sets.{name}.nodes", feature, nodes) for feature in one["nodes"])
        yield from ((f"feature_sets.{name}.edges", feature, edges) for feature in one["edges"])
    for name, one in config["encoded_sets"].items():
        yield from ((f"encoded_sets.{name}.columns", feature, nodes) for feature in one["columns"])


def check_experiment(
    path: str, written: dict, experiment: dict, config: dict, models: Mapping[str, Declaration], file: object
) -> None:
    """Raise ConfigError for keys that have no effect or contradict others.

    written  lacks the defaults
    config   without experiments; `file` is its name
    models   all models by name
    """
    for key, section in (("dataset", "datasets"), ("split", "splits")):
        if experiment[key] not in config[section]:
            raise ConfigError(
                f"{path}: {key}: {experiment[key]!r} is not among the {section} of {file} "
                f"({', '.join(config[section])}){nearest(experiment[key], config[section])}"
            )
    _check_also(path, experiment, config, file)
    model = models[experiment["model"]]
    dataset, target = config["datasets"][experiment["dataset"]], experiment["target"]
    set_names = [set_name for section in model.features for set_name in config[section]]
    if experiment["features"] not in set_names:
        raise ConfigError(
            f"{path}: features: {experiment['features']!r} is not among the {' and '.join(model.features)} of {file} "
            f"({', '.join(set_names)}){nearest(experiment['features'], set_names)}"
        )
    _check_target(path, written["target"], experiment, dataset, models)
    split, simulate = config["splits"][experiment["split"]], dataset.get("simulate")
    if simulate and split["method"] == "k-fold" and split["folds"] > simulate["microstructures"]:
        raise ConfigError(
            f"{path}: split: {experiment['split']} has {split['folds']} folds, but datasets.{experiment['dataset']} "
            f"has {simulate['microstructures']} microstructures; use fewer folds or simulate more"
        )
    if target["kind"] == LABEL and split["stratify"]:
        raise ConfigError(
            f"{path}: split: {experiment['split']} is stratified by growth ratio, which labelled images do not have; "
            f"choose another, or set splits.{experiment['split']}.stratify to false"
        )
    axes = [axis for axis in model.prefixes if axis != "threshold" or target["kind"] == ABNORMAL]
    for axis in experiment["fan_out"]:
        if axis not in axes:
            raise ConfigError(
                f"{path}: fan_out: {axis!r} is not an axis of model {model.name} with target.kind {target['kind']} "
                f"(axes: {', '.join(axes)}){nearest(axis, axes)}"
            )
    if experiment["ensemble"] > 1 and "seed" not in model.grid:
        others = _models(models, lambda other: "seed" in other.grid)
        raise ConfigError(
            f"{path}: ensemble: model {model.name} has no seed, so its members would be equal; it is for {others}"
        )
    names = metrics.selecting(target["kind"])
    if experiment["select"] is not None and experiment["select"] not in names:
        raise ConfigError(
            f"{path}: select: {experiment['select']!r} cannot choose a trial of kind {target['kind']} "
            f"(choose {', '.join(names)}){nearest(experiment['select'], names)}"
        )
    _check_search(path, experiment, models)
    _check_limits(path, written, experiment, dataset, model)
    if experiment["grid"].get(FEATURE_SUBSETS):
        _check_subsets(path, experiment, config)
    if target["grains"] == ALL and experiment["training"].get("loss_grains") == CANDIDATE:
        raise ConfigError(f"{path}: training.loss_grains: candidate contradicts target.grains all; remove it")
    if experiment["training"].get("context", "none") != "none":
        chosen = {"target.grains": target["grains"], "loss_grains": experiment["training"]["loss_grains"]}
        for key, grains in chosen.items():
            if grains == ALL:
                raise ConfigError(f"{path}: training.context: surrounds candidates, which {key} all contradicts")


def _check_also(path: str, experiment: dict, config: dict, file: object) -> None:
    """Raise ConfigError where data sets to train on are absent, the experiment's own, or have other features."""
    for name in experiment["also_train_on"]:
        where, datasets = f"{path}: also_train_on", config["datasets"]
        if name not in datasets:
            known = f"({', '.join(datasets)}){nearest(name, datasets)}"
            raise ConfigError(f"{where}: {name!r} is not among the datasets of {file} {known}")
        if name == experiment["dataset"]:
            raise ConfigError(f"{where}: {name} is the experiment's own data set; remove it")
        if not SOURCES[datasets[name]["source"]].reader:
            raise ConfigError(f"{where}: {name} is of source {datasets[name]['source']}, which has no growth to learn")
        if experiment["features"] not in config["feature_sets"]:
            raise ConfigError(f"{where}: {experiment['features']} is not from feature_sets, whose features alone fit")


def check_stacks(file: object, config: dict) -> None:
    """Raise ConfigError where a stack takes experiments that differ in more than features and models.

    config  with its experiments
    """
    experiments, sets = config["experiments"], config["stacked_sets"]
    for name, stack in experiments.items():
        if stack["features"] not in sets:
            continue
        where = f"{file}: stacked_sets.{stack['features']}.experiments"
        for member in sets[stack["features"]]["experiments"]:
            one = experiments.get(member)
            if one is None:
                known = f"{', '.join(experiments)}){nearest(member, experiments)}"
                raise ConfigError(f"{where}: {member!r} is not among the experiments of this configuration ({known}")
            if one["features"] in sets:
                raise ConfigError(f"{where}: {member} is a stack itself; name the experiments that it stacks")
            for key in ("dataset", "split"):
                if one[key] != stack[key]:
                    raise ConfigError(f"{where}: {member} has {key} {one[key]}, but {name} has {stack[key]}")
            for key, value in stack["target"].items():
                if key == "threshold":
                    missing = [f"{threshold:g}" for threshold in value if threshold not in one["target"][key]]
                    if missing:
                        raise ConfigError(f"{where}: {member} lacks target.threshold {', '.join(missing)} of {name}")
                elif key != "soft" and one["target"][key] != value:
                    raise ConfigError(
                        f"{where}: {member} has target.{key} {one['target'][key]}, but {name} has {value}"
                    )


def _check_target(path: str, written: dict, experiment: dict, dataset: dict, models: Mapping[str, Declaration]) -> None:
    model, target = models[experiment["model"]], experiment["target"]
    kind = target["kind"]
    if kind not in model.kinds:
        others = _models(models, lambda other: kind in other.kinds)
        raise ConfigError(
            f"{path}: target.kind: model {model.name} cannot learn {kind} (it can learn {', '.join(model.kinds)})"
            f"; {kind} is for {others}"
        )
    if (kind == LABEL) == bool(SOURCES[dataset["source"]].reader):
        raise ConfigError(
            f"{path}: target.kind: {kind} does not fit datasets.{experiment['dataset']}, whose source is "
            f"{dataset['source']}; label is for labelled-images"
        )
    if kind == ABNORMAL and not target["threshold"]:
        raise ConfigError(f"{path}: target: kind abnormal needs the key 'threshold', such as [10]")
    if kind != ABNORMAL and "threshold" in written:
        raise ConfigError(f"{path}: target.threshold: no effect with kind {kind}; it is for abnormal")
    if target["grains"] not in model.grains:
        others = _models(models, lambda other: target["grains"] in other.grains)
        raise ConfigError(
            f"{path}: target.grains: model {model.name} predicts candidate grains only; all is for {others}"
        )
    if kind == LABEL and "aggregate" in written:
        raise ConfigError(f"{path}: target.aggregate: no effect with kind label; remove it")
    if target["aggregate"] == "fraction" and kind != ABNORMAL:
        raise ConfigError(f"{path}: target.aggregate: fraction is for kind abnormal only")
    if "fraction" in written and target["aggregate"] != "fraction":
        raise ConfigError(
            f"{path}: target.fraction: no effect with aggregate {target['aggregate']}; it is for fraction"
        )
    if target["soft"]:
        _check_soft(path, experiment, dataset, models)


def _check_soft(path: str, experiment: dict, dataset: dict, models: Mapping[str, Declaration]) -> None:
    kind = experiment["target"]["kind"]
    if kind != ABNORMAL:
        raise ConfigError(f"{path}: target.soft: no effect with kind {kind}; it is for abnormal")
    if not models[experiment["model"]].soft:
        others = _models(models, lambda other: other.soft)
        raise ConfigError(f"{path}: target.soft: model {experiment['model']} learns labels only; it is for {others}")
    made, used = dataset.get("simulate") or dataset.get("regrow"), dataset.get("growth_runs")
    if used == 1 or (made and made["growth"]["runs"] == 1) or (isinstance(used, list) and len(used) == 1):
        raise ConfigError(
            f"{path}: target.soft: datasets.{experiment['dataset']} has one growth run per state; "
            "use more growth runs or remove it"
        )


def _models(models: Mapping[str, Declaration], suitable: Callable[[Declaration], bool]) -> str:
    """The names of suitable models, for messages."""
    return ", ".join(name for name, model in models.items() if suitable(model)) or "none"


def _check_limits(path: str, written: dict, experiment: dict, dataset: dict, model: Declaration) -> None:
    """Raise ConfigError where a setting exceeds another that its declaration names as its limit (`at_most`).

    A default is never refused for a limit within the experiment.
    """
    for section, settings in (("grid", model.grid), ("training", model.training)):
        for key, setting in settings.items():
            of, _, limiting = setting.get("at_most", "").partition(".")
            if not limiting or (of != "dataset" and key not in written.get(section, {})):
                continue
            limit = dataset.get(limiting) if of == "dataset" else experiment[of][limiting]
            value = experiment[section][key]
            largest = max(value) if isinstance(value, list) else value["to"] if isinstance(value, dict) else value
            if limit is not None and largest > limit:
                name = f"datasets.{experiment['dataset']}.{limiting}" if of == "dataset" else f"{of}.{limiting}"
                raise ConfigError(
                    f"{path}: {section}.{key}: {largest} is more than {name} ({limit}); "
                    "lower the one or raise the other"
                )


def _check_search(path: str, experiment: dict, models: Mapping[str, Declaration]) -> None:
    """Raise ConfigError for ranges without a search or the reverse, and for ranges that hold nothing."""
    search, grid = experiment["search"], experiment["grid"]
    ranges = {axis: given for axis, given in grid.items() if axis != FEATURE_SUBSETS and isinstance(given, dict)}
    for axis, given in ranges.items():
        where, low, high = f"{path}: grid.{axis}", given["from"], given["to"]
        if search is None:
            raise ConfigError(f"{where}: a range needs the key 'search', such as {{trials: 30}}; or write a list")
        if low >= high:
            raise ConfigError(f"{where}: from {low} is not below to {high}; write the smaller first")
        if given["log"] and low <= 0:
            raise ConfigError(f"{where}: from {low} has no logarithm; raise it above 0 or remove log")
    if search is None:
        return
    if not ranges:
        raise ConfigError(f"{path}: search: no axis of the grid is a range, such as {{from: 1, to: 4}}; or remove it")
    if grid.get(FEATURE_SUBSETS):
        raise ConfigError(f"{path}: grid.{FEATURE_SUBSETS}: not with search, which does not try all of them")
    if experiment["fan_out"]:
        raise ConfigError(f"{path}: fan_out: no effect with search, whose jobs are its studies; remove it")
    if search["prune"] and not models[experiment["model"]].unit:
        others = _models(models, lambda other: bool(other.unit))
        raise ConfigError(
            f"{path}: search.prune: model {experiment['model']} is not trained in steps; it is for {others}"
        )


def _check_subsets(path: str, experiment: dict, config: dict) -> None:
    subsets, features = experiment["grid"][FEATURE_SUBSETS], config["feature_sets"].get(experiment["features"])
    where = f"{path}: grid.{FEATURE_SUBSETS}"
    if features is None:
        raise ConfigError(f"{where}: needs features from feature_sets, not from encoded_sets")
    if subsets["min"] > min(subsets["max"], len(features["nodes"])):
        raise ConfigError(
            f"{where}: min {subsets['min']} is more than max or than the {len(features['nodes'])} "
            f"columns of {experiment['features']}"
        )
