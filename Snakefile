"""graincast: from raw grain-growth data to trained, tested and tracked models of abnormal grain growth."""

from snakemake.utils import min_version

min_version("9.20")


# A configuration given on the command line replaces the default instead of being merged into it.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/simulate.smk"
include: "rules/graphs.smk"
include: "rules/features.smk"
include: "rules/train.smk"
include: "rules/evaluate.smk"
include: "rules/report.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        "results/tracking/store",
        "results/comparison.csv",
        expand("results/datasets/{dataset}/accepted.json", dataset=DATASETS),
        expand("results/datasets/{dataset}/summary.csv", dataset=DATASETS),
        expand("results/experiments/{experiment}/figures", experiment=EXPERIMENTS),
