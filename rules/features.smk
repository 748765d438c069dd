"""Features: one HDF5 file per feature set, measured on a data set's grain graphs.

in   results/datasets/{dataset}/graphs/*.h5
     results/datasets/{dataset}/checked.json               nothing is measured if too much was rejected
out  results/datasets/{dataset}/features/{features}.h5     not normalised (format: graincast/features/table.py)
"""


rule features:
    input:
        recipe=recipe("features", "dataset", "features"),
        graphs=graph_shards,
        checked=checked,
    output:
        table="results/datasets/{dataset}/features/{features}.h5",
        made_from="results/datasets/{dataset}/features/{features}.h5.made_from.json",
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
        extensions=EXTENSIONS,
    shell:
        "python -m scripts.features --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.features}"
        " --graphs {input.graphs} {params.extensions} --out {output.table} 2>&1 | tee {log}"
