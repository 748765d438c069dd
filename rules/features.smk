"""Features: one HDF5 file per feature set, measured on a data set's grain graphs.

in   results/datasets/{dataset}/graphs/*.h5
     results/datasets/{dataset}/graphs/*.rejected.csv      nothing is measured if too much was rejected
out  results/datasets/{dataset}/features/{features}.h5     not normalised (format: graincast/features/table.py)
"""


rule features:
    input:
        recipe=recipe("features", "dataset", "features"),
        graphs=graph_shards,
        rejected=rejected_tables,
    output:
        table="results/datasets/{dataset}/features/{features}.h5",
        made_from="results/datasets/{dataset}/features/{features}.h5.made_from.json",
    log:
        "results/logs/features/{dataset}/{features}.log",
    benchmark:
        "results/benchmarks/features/{dataset}/{features}.jsonl"
    conda:
        "../envs/conda.yaml"
    # each measures another microstructure
    threads: lambda wc: PLAN.feature_threads(wc.features)
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    params:
        extensions=EXTENSIONS,
        max_rejected=lambda wc: PLAN.datasets[wc.dataset]["max_rejected"],
    shell:
        "python -m scripts.features --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.features}"
        " --graphs {input.graphs} --rejected {input.rejected} --max-rejected {params.max_rejected}"
        " --threads {threads} {params.extensions} --out {output.table} 2>&1 | tee {log}"
