"""graincast: from raw grain-growth data to trained, tested and tracked models of abnormal grain growth."""

import sys

from snakemake.utils import min_version

min_version("9.20")

if "://" in workflow.current_basedir.get_path_or_uri(secret_free=True):
    sys.exit("error: rules run programs beside this file: clone graincast, and name the clone's Snakefile, no address")


# A configuration given on the command line replaces the default instead of being merged into it.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/simulate.smk"
include: "rules/regrow.smk"
include: "rules/graphs.smk"
include: "rules/export.smk"
include: "rules/features.smk"
include: "rules/encoders.smk"
include: "rules/vision.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/stack.smk"
include: "rules/report.smk"
include: "rules/predict.smk"


# What a killed run left in SLURM's queue goes first; what could not be sent to MLflow is sent at the end.
if workflow.is_main_process:

    onstart:
        check_start()
        shell("{sys.executable:q} -m scripts.cancel_leftovers")
        note_evaluated()
        show_start()

    onsuccess:
        show_end()
        shell("{sys.executable:q} -m scripts.track --tracking {TRACKING:q} sync --never-fail")
        shell("{sys.executable:q} -m scripts.where --new {EVALUATED}")

    onerror:
        show_end()
        shell("{sys.executable:q} -m scripts.track --tracking {TRACKING:q} sync --never-fail")


write_recipes()


# Steps of a second or two are not worth a place in a queue; rule files name theirs.
localrules:
    all,


rule all:
    default_target: True
    input:
        "results/tracking/store",
        PLAN.comparison_figures(),
        expand("results/datasets/{dataset}/checked.json", dataset=PLAN.grains),
        expand("results/datasets/{dataset}/summary.csv", dataset=PLAN.grains),
        PLAN.ceilings(),
        expand("results/experiments/{experiment}/figures", experiment=PLAN.experiments),
        PLAN.model_cards(),
        expand("results/experiments/{experiment}/sent.json", experiment=PLAN.experiments),
        PLAN.encoder_figures(),
        # all that lies between, too: what a failed step leaves missing would not be missed behind older results
        intermediate_files,
