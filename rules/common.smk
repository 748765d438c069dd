"""Shared by all stages: the checked configuration, its plan, and adapters from wildcards to the plan.

Names of files and parameters of rules: graincast/planning/plan.py. Raw data on this machine: planning/raw_data.py.
"""

import contextlib
import os
import re
import shlex
import sys
from pathlib import Path

from snakemake.settings.types import DeploymentMethod


def fail(message):
    """End Snakemake with an error in one line, without its own lines about where in the Snakefile that was."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(1)


# Where graincast lies: as a module, workflow.basedir is the folder of the Snakefile that uses it.
PROJECT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).resolve().parent
if str(workflow.modifier.modify_path("results")) != "results":
    fail("graincast finds results by their paths: no prefix and no storage can change them; use `--directory FOLDER`")
sys.path.insert(0, str(PROJECT))

from graincast.configuration.load import load
from graincast.configuration.resolved import as_text, resolved
from graincast.experiment.grid import as_json
from graincast.files.atomic import write_if_changed
from graincast.microstructure import BadInput
from graincast.planning import containers, explanation, git_commit, lock, provenance, recipes, reuse, sources, version
from graincast.planning.jobs import finished, finished_ceilings, jobs, predictions_beside
from graincast.planning.plan import Plan
from graincast.planning.raw_data import RawData
from graincast.program.main import describe
from graincast.program.workflow import VARIABLE as WORKFLOW
from graincast.program.workflow import current as current_workflow
from graincast.tracking.addresses import VARIABLE, address, problem, sqlite_file
from graincast.tracking.notes import configuration_file

*OTHER_FILES, CONFIG_FILE = workflow.overwrite_configfiles or ["config/config.yaml"]


@contextlib.contextmanager
def errors_in_one_line():
    """Expected errors end Snakemake in one line."""
    try:
        yield
    except (BadInput, OSError) as error:
        fail(describe(error))


with errors_in_one_line():
    CONFIG = load(config, CONFIG_FILE, *OTHER_FILES)

PLAN = Plan(CONFIG)
RAW = RawData(PLAN, CONFIG_FILE)
HELD = "another run, plan, adopt or prune holds results/: wait until it has ended"
PARSED = Path("results/recipes/.sources.json")
EXTENSIONS = f"--extensions {shlex.join(map(str, PLAN.extensions))}" if PLAN.extensions else ""
STATES = []  # of all jobs, as the planner found them
EVALUATED = []  # experiments that this run evaluates
TRACKING = as_json(CONFIG["tracking"])
WORKER_IMAGE = CONFIG["container"]["image"] or containers.image_name(PROJECT, CONFIG["container"]["variant"])


container: WORKER_IMAGE


wildcard_constraints:
    dataset="[A-Za-z0-9_-]+",
    shard="[0-9]+",
    features="|".join(CONFIG["feature_sets"]),
    encoded="|".join(CONFIG["encoded_sets"]) or "-",
    components="[0-9]+",
    vision="|".join(CONFIG["vision_sets"]) or "-",
    stacked="|".join(CONFIG["stacked_sets"]) or "-",
    encoder="|".join(CONFIG["encoders"]) or "-",
    split="[A-Za-z0-9_-]+",
    experiment="|".join(map(re.escape, PLAN.experiments)),
    job="[A-Za-z0-9._+-]+",
    prediction="[A-Za-z0-9_-]+",


def check_start():
    """Raise an error where another process holds the results, or the worker image is needed and not there."""
    if not PLANS:
        fail(HELD)
    if found := problem(address(CONFIG["tracking"])):
        fail(f"{VARIABLE}: {found}")  # the configuration's own was checked on reading it
    store = sqlite_file(address(CONFIG["tracking"]))
    if IN_CONTAINERS and store and containers.hidden(store):
        fail(
            f"{CONFIG_FILE}: tracking.store: {store} lies in a folder of temporary files, which containers have for "
            "themselves; choose another folder"
        )
    if IN_CONTAINERS and "://" not in WORKER_IMAGE and not Path(WORKER_IMAGE).is_file():
        fail(f"no worker image {WORKER_IMAGE}: build it with `make container`, or configure container.image")


def say(line):
    """Print a line, if there is one, where Snakemake prints its own."""
    if line:
        print(line, file=sys.stderr)


def write_recipes():
    """Bring the recipes of all jobs up to date; called when all rules are known. Jobs only read them."""
    if not MAIN:
        return
    planned = jobs(PLAN, finished_experiments(), ceilings())
    if not PLANS:
        if {job.name for job in planned} - recipes.written(planned).keys():
            fail(HELD)  # Snakemake would say which inputs are missing
        return
    shells = {rule.name: rule.shellcmd or "" for rule in workflow.rules}
    if "train" not in shells:
        fail("graincast finds its rules by their names: write `use rule * from graincast`, without `as`")
    with errors_in_one_line():
        sources.recall(PARSED)
        wanted = recipes.build(PROJECT, planned, shells, PLAN.extensions)
        sources.keep(PARSED)
        for line in reuse.link(planned, wanted, RAW.results()):
            say(line)
        STATES[:] = recipes.states(planned, wanted)
        recipes.write(STATES)
        for name in PLAN.experiments:
            write_if_changed(configuration_file(name), as_text(resolved(CONFIG, name, PLAN.extensions)))


def terminal():
    """The project's own log handler; None without `--logger graincast`."""
    return next((handler for handler in workflow.logger_manager.plugin_handlers if hasattr(handler, "begin")), None)


def note_evaluated():
    """Note the experiments that this run evaluates, whose results are new."""
    EVALUATED[:] = sorted(
        job.wildcards.experiment for job in workflow.dag.needrun_jobs() if job.rule.name == "evaluate"
    )


def show_start():
    """On the project's own terminal, say what will run and why."""
    if terminal():
        running = [
            "/".join([job.rule.name, *job.wildcards_dict.values()])
            for job in workflow.dag.needrun_jobs()
            if job.rule.output
        ]
        groups = explanation.grouped(STATES, set(running))
        expected = {name: explanation.earlier_seconds(name) for name in running}
        terminal().begin(explanation.header(os.path.relpath(CONFIG_FILE), CONFIG, groups), expected, explanation.WORDS)


def show_end():
    """On the project's own terminal, say how the stages ended; then let programs print."""
    if terminal():
        workflow.logger_manager.queue_listener.queue.join()
        terminal().end()


def intermediate_files(wc):
    """An input function: every file that results are made from; says what is missing where it cannot be exact."""
    if workflow.is_main_process and {str(trigger) for trigger in workflow.rerun_triggers} != {"mtime", "input"}:
        say("add --rerun-triggers mtime input (as profiles/default does), or more runs again than is stale")
    return PLAN.intermediate_files()


def set_environment():
    """What jobs find in their environment: the commit, the run of the workflow, and what containers may see."""
    os.environ.update(git_commit.commit(PROJECT))
    if workflow.is_main_process:
        os.environ[provenance.EXECUTION] = provenance.new_execution()
        os.environ[WORKFLOW] = current_workflow()
    project = PROJECT
    elsewhere = project != Path.cwd()  # --directory: programs are found by their path
    if elsewhere:
        os.environ.update(PYTHONPATH=str(project))
    read_only, writable = [*RAW.folders(), *([project] if elsewhere else [])], [Path.cwd(), "results"]
    scratch = containers.scratch_folder() if IN_CONTAINERS and not DRY_RUN else None
    found = containers.environment(os.environ, read_only, writable, project if elsewhere else None, scratch)
    os.environ.update(found)


# Jobs run the Snakefile again. Only the process that plans them looks at raw data and writes recipes, and only while no
# other run or dry run does.
MAIN = workflow.is_main_process and "--lint" not in sys.argv
DRY_RUN = bool({"-n", "--dry-run", "--dryrun"} & set(sys.argv))
IN_CONTAINERS = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method
with errors_in_one_line():
    PLANS = MAIN and lock.take(patience=0 if DRY_RUN else 20)
    if MAIN and not PLANS:
        say("another run holds results/: planned with the recipes that are there")
    if PLANS:
        say(version.check())
        RAW.scan()
    set_environment()


def recipe(rule, *wildcards):
    """The recipe of a rule's job."""
    folders = [f"{{{name}}}" for name in wildcards]
    return Path("results/recipes", rule, *folders).as_posix() + ".json"


def graph_shards(wc):
    return PLAN.graph_shards(wc.dataset)


def rejected_tables(wc):
    return PLAN.rejected_tables(wc.dataset)


def features_of(wc):
    return PLAN.features(wc.experiment)


def also_of(wc):
    return PLAN.also(wc.experiment)


def split_of(wc):
    return PLAN.split(wc.experiment)


def trial_files(name):
    """An input function: the files of this name of all of an experiment's training jobs."""
    return lambda wc: PLAN.trial_files(wc.experiment, name)


def experiments_that(search):
    """A constraint of the wildcard experiment: those that search ranges, or those that train the points of a grid."""
    return "|".join(re.escape(name) for name in PLAN.experiments if PLAN.searches(name) == search) or "-"


def finished_experiments():
    """Test results of this configuration's experiments, and of all others that have run in this folder."""
    return sorted({*PLAN.test_metrics(), *finished(Path("results/experiments"))})


def ceilings():
    """Noise ceilings of this configuration's data sets, and of all others in this folder."""
    return sorted({*PLAN.ceilings(), *finished_ceilings(Path("results/datasets"))})


def vision_input(wc, files):
    """The arguments that say where pictures come from."""
    if wc.dataset not in PLAN.images:
        return f"--graphs {files.names} --graphs-rejected {files.rejected}"
    return f"--images {files.names} --root {shlex.quote(str(RAW.folder(wc.dataset)))}"


def vision_weights(wc):
    """The argument that says where a network's weights lie; none for random ones."""
    weights = RAW.weights(wc.vision)
    return f"--weights {shlex.quote(str(weights))}" if weights else ""
