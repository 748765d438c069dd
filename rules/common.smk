"""Shared by all stages: the checked configuration, its plan, and adapters from wildcards to the plan.

Names of files and parameters of rules: graincast/planning/plan.py. Raw data on this machine: planning/raw_data.py.
"""

import json
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, workflow.basedir)

from graincast.configuration.load import load
from graincast.experiment.grid import as_json
from graincast.microstructure import BadInput
from graincast.planning import containers, git_commit, provenance
from graincast.planning.plan import Plan
from graincast.planning.raw_data import RawData
from graincast.planning.source_files import closure, module

CONFIG_FILE = (workflow.overwrite_configfiles or ["config/config.yaml"])[-1]
try:
    CONFIG = load(config, CONFIG_FILE)
except BadInput as error:
    raise WorkflowError(str(error))

PLAN = Plan(CONFIG)
RAW = RawData(PLAN, CONFIG_FILE)
TRACKING = as_json(CONFIG["tracking"])
WORKER_IMAGE = CONFIG["container"]["image"] or containers.image_name(
    Path(workflow.basedir), CONFIG["container"]["variant"]
)


container: WORKER_IMAGE


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    shard="[0-9]+",
    features="|".join(CONFIG["feature_sets"]),
    encoded="|".join(CONFIG["encoded_sets"]) or "-",
    components="[0-9]+",
    vision="|".join(CONFIG["vision_sets"]) or "-",
    encoder="|".join(CONFIG["encoders"]) or "-",
    split="[A-Za-z0-9_-]+",
    experiment="|".join(map(re.escape, PLAN.experiments)),
    job="[A-Za-z0-9._-]+",


def look_at_raw_data():
    """Bring manifests up to date, and see that the worker image is there where it is about to be used."""
    RAW.scan()
    in_containers = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method
    if in_containers and not workflow.dryrun and "://" not in WORKER_IMAGE and not Path(WORKER_IMAGE).is_file():
        raise BadInput(f"no worker image {WORKER_IMAGE}: build it with `make container`, or configure container.image")


def set_environment():
    """What jobs find in their environment: the commit, the run of the workflow, and what containers may see."""
    os.environ.update(git_commit.commit(Path(workflow.basedir)))
    if workflow.is_main_process:
        os.environ[provenance.EXECUTION] = provenance.new_execution()
    os.environ.update(containers.environment(os.environ, read_only=RAW.folders(), writable=["results"]))


# Jobs run the Snakefile again; only the process that plans them looks at the raw data.
try:
    if workflow.is_main_process:
        look_at_raw_data()
    set_environment()
except BadInput as error:
    raise WorkflowError(str(error))


def sources(*programs):
    """All source files that programs run, as inputs: an edited one makes the rule's outputs stale."""
    return closure(Path(workflow.basedir), *programs)


def model_sources(program):
    """An input function: the sources of a program and of the model of the experiment."""
    return lambda wc: sources(program, module("models", PLAN.experiments[wc.experiment]["model"]))


def encoder_sources(program):
    """An input function: the sources of a program and of the encoder's method."""
    return lambda wc: sources(program, module("encoders", CONFIG["encoders"][wc.encoder]["method"]))


def graph_shards(wc):
    return PLAN.graph_shards(wc.dataset)


def rejected_tables(wc):
    return PLAN.rejected_tables(wc.dataset)


def features_of(wc):
    return PLAN.features(wc.experiment)


def split_of(wc):
    return PLAN.split(wc.experiment)


def trial_files(name):
    """An input function: the files of this name of all of an experiment's training jobs."""
    return lambda wc: PLAN.trial_files(wc.experiment, name)


def finished_experiments():
    """Test results of this configuration's experiments, and of all others that have run in this folder."""
    others = Path("results/experiments").glob("*/test_metrics.json")
    return sorted({*PLAN.test_metrics(), *(path.as_posix() for path in others)})


def vision_input(wc, files):
    """The arguments that say where pictures come from."""
    if wc.dataset not in PLAN.images:
        return f"--graphs {files.names} --graphs-rejected {files.rejected}"
    return f"--images {files.names} --root {shlex.quote(str(RAW.folder(wc.dataset)))}"


def vision_weights(wc):
    """The argument that says where a network's weights lie; none for random ones."""
    weights = RAW.weights(wc.vision)
    return f"--weights {shlex.quote(str(weights))}" if weights else ""
