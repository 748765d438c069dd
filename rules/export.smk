"""Export, on demand only: a data set's grain graphs as DeepSPPARKS JSON files.

in   results/datasets/{dataset}/graphs/*.h5
out  results/datasets/{dataset}/deepspparks-json/    one file a microstructure, which reads back as the very same graph
"""


rule export:
    input:
        graphs=graph_shards,
        src=sources("scripts/export.py"),
    output:
        directory("results/datasets/{dataset}/deepspparks-json"),
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
        "python -m scripts.export --name {wildcards.dataset} --graphs {input.graphs} --out {output} 2>&1 | tee {log}"
