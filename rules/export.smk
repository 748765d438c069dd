"""Export, on demand only: a data set's grain graphs as DeepSPPARKS JSON files.

in   results/datasets/{dataset}/graphs/*.h5
out  results/datasets/{dataset}/deepspparks-json/    one file per microstructure, which reads back as the very same graph
"""


rule export:
    input:
        recipe=recipe("export", "dataset"),
        graphs=graph_shards,
    output:
        folder=directory("results/datasets/{dataset}/deepspparks-json"),
        made_from="results/datasets/{dataset}/deepspparks-json.made_from.json",
    log:
        "results/logs/export/{dataset}.log",
    benchmark:
        "results/benchmarks/export/{dataset}.jsonl"
    wildcard_constraints:
        dataset="|".join(PLAN.grains) or "-",
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 2000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    shell:
        "python -m scripts.export --recipe {input.recipe} --name {wildcards.dataset} --graphs {input.graphs}"
        " --out {output.folder} 2>&1 | tee {log}"
