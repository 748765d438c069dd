"""Features: one HDF5 file a feature set, measured on a data set's grain graphs.

in   results/datasets/{dataset}/graphs/*.h5
     results/datasets/{dataset}/graphs/*.rejected.csv      nothing is measured if too much was rejected
out  results/datasets/{dataset}/features/{features}.h5     not normalised (format: graincast/features/table.py)
"""


rule features:
    input:
        graphs=graph_shards,
        rejected=rejected_tables,
        src=sources("scripts/features.py"),
    output:
        "results/datasets/{dataset}/features/{features}.h5",
    log:
        "results/logs/features/{dataset}/{features}.log",
    benchmark:
        "results/benchmarks/features/{dataset}/{features}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    params:
        columns=lambda wc: as_json(CONFIG["feature_sets"][wc.features]),
        # a function of `input` is not recorded: an edit of it checks the data set again, but measures nothing again
        max_rejected=lambda wc, input: PLAN.datasets[wc.dataset]["max_rejected"],
    shell:
        "python -m scripts.features --name {wildcards.dataset}/{wildcards.features} --graphs {input.graphs}"
        " --rejected {input.rejected} --max-rejected {params.max_rejected} --columns {params.columns:q} --out {output} 2>&1 | tee {log}"
