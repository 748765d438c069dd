"""Features: one HDF5 file a feature set, measured on a data set's grain graphs.

in   results/datasets/{dataset}/graphs/*.h5
     results/datasets/{dataset}/accepted.json              only that it is there
out  results/datasets/{dataset}/features/{features}.h5     not normalised (format: graincast/features/table.py)
"""


rule features:
    input:
        graphs=graph_shards,
        # an edit of max_rejected checks the data set again, but measures nothing again
        accepted=ancient("results/datasets/{dataset}/accepted.json"),
        src=sources("scripts/features.py"),
    output:
        "results/datasets/{dataset}/features/{features}.h5",
    log:
        "results/logs/features/{dataset}/{features}.log",
    benchmark:
        "results/benchmarks/features/{dataset}/{features}.jsonl"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    params:
        columns=lambda wc: as_json(CONFIG["feature_sets"][wc.features]),
    shell:
        "python -m scripts.features --name {wildcards.dataset}/{wildcards.features} --graphs {input.graphs}"
        " --columns {params.columns:q} --out {output} 2>&1 | tee {log}"
