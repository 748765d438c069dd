"""Shared by all stages: the checked configuration, the raw data as it is now, and the sources of each program."""

import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, workflow.basedir)

from graincast import (
    configuration,
    containers,
    git_commit,
    grid,
    manifest,
    provenance,
    splits,
)
from graincast.atomic import write_if_changed
from graincast.batches import batches
from graincast.encoders import registry as encoders
from graincast.models import registry
from graincast.raw import files
from graincast.source_files import closure


def as_json(value):
    """A param as the program reads it: keys in order, so that it changes only with its content."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


CONFIG_FILE = (workflow.overwrite_configfiles or ["config/config.yaml"])[-1]
try:
    CONFIG = configuration.load(config, CONFIG_FILE)
except configuration.ConfigError as error:
    raise WorkflowError(str(error))

EXPERIMENTS = CONFIG["experiments"]
DATASETS = {name: CONFIG["datasets"][name] for name in sorted({one["dataset"] for one in EXPERIMENTS.values()})}
WORKER_IMAGE = CONFIG["container"]["image"] or containers.image_name(
    Path(workflow.basedir), CONFIG["container"]["variant"]
)
TRACKING = as_json(CONFIG["tracking"])
SIMULATED = [name for name, one in DATASETS.items() if one["source"] == "simulate"]
IMAGES = [name for name, one in DATASETS.items() if one["source"] == "labelled-images"]
VISION = sorted({one["features"] for one in EXPERIMENTS.values()} & set(CONFIG["vision_sets"]))
GRAINS = [name for name in DATASETS if name not in IMAGES]


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    shard="[0-9]+",
    features="|".join(CONFIG["feature_sets"]),
    encoded="|".join(CONFIG["encoded_sets"]) or "-",
    components="[0-9]+",
    vision="|".join(CONFIG["vision_sets"]) or "-",
    encoder="|".join(CONFIG["encoders"]) or "-",
    split="[A-Za-z0-9_-]+",
    experiment="|".join(map(re.escape, EXPERIMENTS)),
    job="[A-Za-z0-9._-]+",


def sources(*programs):
    """All source files that programs run, as inputs: an edited one makes the rule's outputs stale."""
    return closure(Path(workflow.basedir), *programs)


def model_source(experiment):
    """The module of an experiment's model, which scripts import by its name."""
    return registry.source(EXPERIMENTS[experiment]["model"])


def raw_root(dataset, shard):
    """The folder that the paths in a shard's manifest start from, on this machine."""
    if dataset in SIMULATED:
        return Path("results/datasets", dataset, "runs", shard)
    return raw_folder(dataset)


def raw_folder(dataset):
    """The configured folder of a data set's raw data."""
    root = expanded(DATASETS[dataset]["path"], f"datasets.{dataset}.path")
    if not root.is_dir():
        raise WorkflowError(
            f"{CONFIG_FILE}: datasets.{dataset}.path: no folder {root}; mend the path or fetch the data"
        )
    return root


def expanded(path, key):
    """A configured path with its variables expanded."""
    try:
        return configuration.expand(path, f"{CONFIG_FILE}: {key}")
    except configuration.ConfigError as error:
        raise WorkflowError(str(error))


def manifests(dataset):
    """The folder of a data set's manifests: those of simulated runs are outputs, the others are scanned."""
    return Path("results/datasets", dataset, "runs" if dataset in SIMULATED else "raw")


def scan_raw_data():
    """Bring the manifests of raw data, and the copies of given splits, up to date (by content, not by time)."""
    for dataset in DATASETS:
        if dataset not in SIMULATED:
            one, root = DATASETS[dataset], raw_folder(dataset)
            source = one["source"]
            try:
                manifest.scan(
                    root,
                    files.RUNS[source],
                    files.FILES[source],
                    one["shards"],
                    manifests(dataset),
                )
            except OSError as error:
                raise WorkflowError(f"{CONFIG_FILE}: datasets.{dataset}: {error}; mend path or source ({source})")
    for name in {one["split"] for one in EXPERIMENTS.values()}:
        if CONFIG["splits"][name]["method"] == "file":
            copy_split_table(name)


def copy_split_table(name):
    """Copy a given split into the results, where its content decides what is stale."""
    where = f"{CONFIG_FILE}: splits.{name}.path"
    try:
        table = configuration.expand(CONFIG["splits"][name]["path"], where)
        splits.given(table)
        write_if_changed(f"results/splits/{name}.csv", table.read_text(encoding="utf-8"))
    except configuration.ConfigError as error:
        raise WorkflowError(str(error))
    except OSError as error:
        raise WorkflowError(f"{where}: {table}: {error.strerror}")
    except ValueError as error:
        raise WorkflowError(f"{where}: {table}: {error}")


def container_folders():
    """Folders of raw data, and whatever symlinks in them lead to: all that a container may read outside of here."""
    for dataset in DATASETS:
        if dataset not in SIMULATED:
            yield raw_folder(dataset)
            linked = manifests(dataset) / manifest.LINKED
            yield from json.loads(linked.read_text()) if linked.is_file() else []
    yield from (weights_file(name).parent for name in VISION if "path" in CONFIG["vision_sets"][name]["network"])


def weights_file(vision):
    """The file of a vision network's weights, on this machine."""
    return expanded(CONFIG["vision_sets"][vision]["network"]["path"], f"vision_sets.{vision}.network.path")


def needs_image():
    """Whether steps are about to run in a container whose image must lie here."""
    in_containers = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method
    return in_containers and not workflow.dryrun and "://" not in WORKER_IMAGE


# Jobs run the Snakefile again; only the process that plans them looks at the raw data.
if workflow.is_main_process:
    scan_raw_data()
    if needs_image() and not Path(WORKER_IMAGE).is_file():
        raise WorkflowError(
            f"no worker image {WORKER_IMAGE}: build it with `make container`, or configure container.image"
        )

# What containers may see; Apptainer reads it from the environment, on whatever node a job runs.
os.environ.update(git_commit.commit(Path(workflow.basedir)))
if workflow.is_main_process:
    os.environ[provenance.EXECUTION] = provenance.new_execution()
os.environ.update(containers.environment(os.environ, read_only=container_folders(), writable=["results"]))


def run_folders(wildcards):
    """The simulated runs of a shard; other raw data lie outside the workflow."""
    one = f"results/datasets/{wildcards.dataset}/runs/{wildcards.shard}"
    return [one] if wildcards.dataset in SIMULATED else []


def batches_of(dataset):
    simulate = DATASETS[dataset]["simulate"]
    return batches(simulate["microstructures"], simulate["batch"])


def states_of(wildcards):
    """The numbers of the initial states of a batch."""
    first, last = batches_of(wildcards.dataset)[wildcards.shard]
    return {"first": first, "last": last}


def simulation_of(dataset):
    """What a batch depends on: how many other states there are is not part of it."""
    simulate = DATASETS[dataset]["simulate"]
    return {key: value for key, value in simulate.items() if key not in ("microstructures", "batch")}


def shards_of(dataset):
    return list(batches_of(dataset)) if dataset in SIMULATED else manifest.shard_names(DATASETS[dataset]["shards"])


def graph_shards(wildcards):
    folder = f"results/datasets/{wildcards.dataset}/graphs"
    return [f"{folder}/{shard}.h5" for shard in shards_of(wildcards.dataset)]


def finished_experiments():
    """Test results of this configuration's experiments, and of all others that have run in this folder."""
    path = "results/experiments/{}/test_metrics.json"
    others = [found.as_posix() for found in Path("results/experiments").glob("*/test_metrics.json")]
    return sorted({path.format(name) for name in EXPERIMENTS} | set(others))


def intermediate_files(wildcards):
    """Every file that the experiments' results are made from."""
    found = set()
    for dataset in GRAINS:
        shards = shards_of(dataset)
        found |= {f"results/datasets/{dataset}/graphs/{shard}.h5" for shard in shards}
        found |= {f"results/datasets/{dataset}/runs/{shard}.json" for shard in shards if dataset in SIMULATED}
    for name, one in EXPERIMENTS.items():
        folder, encoded = f"results/datasets/{one['dataset']}", CONFIG["encoded_sets"].get(one["features"])
        found |= {f"{folder}/features/{one['features']}.h5", f"{folder}/splits/{one['split']}.csv"}
        if encoded:
            found |= {f"{folder}/codes/{encoded['encoder']}-{encoded['components']}.h5"}
            found |= {f"{folder}/encoders/{encoded['encoder']}/encoder.h5"}
        found |= {f"results/experiments/{name}/trials/{job}/trials.json" for job in jobs_of(name)}
        found |= {f"results/experiments/{name}/test_metrics.json"}
    return sorted(found)


def rejected_tables(wildcards):
    return [path.removesuffix(".h5") + ".rejected.csv" for path in graph_shards(wildcards)]


def names_of(wildcards):
    """Files that list a data set's microstructures, or images."""
    if wildcards.dataset not in IMAGES:
        return graph_shards(wildcards)
    return [(manifests(wildcards.dataset) / f"{shard}.json").as_posix() for shard in shards_of(wildcards.dataset)]


def splits_of(dataset):
    """Names of the splits that the experiments make of a data set."""
    return sorted({one["split"] for one in EXPERIMENTS.values() if one["dataset"] == dataset})


def features_of(wildcards):
    one = EXPERIMENTS[wildcards.experiment]
    return f"results/datasets/{one['dataset']}/features/{one['features']}.h5"


def codes_of(wildcards):
    one = CONFIG["encoded_sets"][wildcards.encoded]
    return f"results/datasets/{wildcards.dataset}/codes/{one['encoder']}-{one['components']}.h5"


def encoder_of(name):
    """What an encoder depends on: the settings of its method."""
    encoder = CONFIG["encoders"][name]
    return {key: encoder[key] for key in ("method", *encoders.SETTINGS[encoder["method"]])}


def encoder_source(name):
    """The module of an encoder's method, which scripts import by its name."""
    return encoders.source(CONFIG["encoders"][name]["method"])


def encoder_figures(wildcards):
    """The figures of all encoders that experiments use, each of a data set."""
    used = {
        (one["dataset"], CONFIG["encoded_sets"][one["features"]]["encoder"])
        for one in EXPERIMENTS.values()
        if one["features"] in CONFIG["encoded_sets"]
    }
    return [f"results/datasets/{dataset}/encoders/{name}.figures" for dataset, name in sorted(used)]


def vision_of(name):
    """What vision features depend on: the file of weights by its content alone."""
    one = CONFIG["vision_sets"][name]
    network = {key: value for key, value in one["network"].items() if key != "path"}
    return {"crop": one["crop"], "size": one["size"], "network": network}


def vision_input(wildcards, files):
    """The arguments that say where pictures come from."""
    if wildcards.dataset not in IMAGES:
        return f"--graphs {files.names} --graphs-rejected {files.rejected}"
    return f"--images {files.names} --root {shlex.quote(str(raw_folder(wildcards.dataset)))}"


def vision_weights(name):
    """The argument that says where a network's weights lie."""
    return (
        f"--weights {shlex.quote(str(weights_file(name)))}" if "path" in CONFIG["vision_sets"][name]["network"] else ""
    )


def split_of(wildcards):
    one = EXPERIMENTS[wildcards.experiment]
    return f"results/datasets/{one['dataset']}/splits/{one['split']}.csv"


def axes_of(experiment):
    """An experiment's grid as lists of values, with the thresholds as its first axis."""
    one = EXPERIMENTS[experiment]
    axes = {"threshold": one["target"]["threshold"], **one["grid"]}
    among = axes.pop("feature_subsets", None)
    if among:
        axes["subset"] = grid.subsets(CONFIG["feature_sets"][one["features"]], among["min"], among["max"])
    return {axis: axes[axis] for axis in grid.AXES if axes.get(axis)}


def jobs_of(experiment):
    """The training jobs of an experiment: {name: its part of the grid}."""
    return grid.jobs(axes_of(experiment), EXPERIMENTS[experiment]["fan_out"])


def trial_files(name):
    """An input function: the files of this name of all of an experiment's training jobs."""
    folder = "results/experiments/{}/trials/{}/"
    return lambda wildcards: [folder.format(wildcards.experiment, job) + name for job in jobs_of(wildcards.experiment)]


def told_of(experiment):
    """What MLflow is told of an experiment: its configuration, and how raw files become what its model takes."""
    one = EXPERIMENTS[experiment]
    columns, hops = CONFIG["feature_sets"].get(one["features"]), DATASETS[one["dataset"]].get("hops")
    return {**one, "recipe": {"hops": hops, "features": {"columns": columns}} if columns else None}


def target_of(experiment):
    """What of an experiment's target shapes what is learned, but for the thresholds, which are an axis of the grid."""
    target = EXPERIMENTS[experiment]["target"]
    keys = ["kind", "grains"] if target["kind"] != "label" else ["kind"]
    keys += ["aggregate"] if target["kind"] != "label" else []
    return {key: target[key] for key in [*keys, *(["share"] if target["aggregate"] == "share" else [])]}


def split_settings(name):
    """What a split depends on: the keys of its method."""
    split = CONFIG["splits"][name]
    return {key: split[key] for key in ("method", *splits.METHOD_KEYS[split["method"]])}
