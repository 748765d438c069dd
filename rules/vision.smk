"""Vision: a data set's pictures through a vision network, one file per vision set.

in   results/datasets/{dataset}/graphs/*.h5, or the manifests of labelled images
out  results/datasets/{dataset}/features/{vision}.h5             (format: graincast/vision/table.py)
     results/datasets/{dataset}/features/{vision}.rejected.csv   images that could not be used, and why
"""


rule vision_features:
    input:
        recipe=recipe("vision_features", "dataset", "vision"),
        names=lambda wc: PLAN.name_lists(wc.dataset),
        rejected=lambda wc: [] if wc.dataset in PLAN.images else rejected_tables(wc),
    output:
        table="results/datasets/{dataset}/features/{vision}.h5",
        made_from="results/datasets/{dataset}/features/{vision}.h5.made_from.json",
    log:
        "results/logs/vision_features/{dataset}/{vision}.log",
    benchmark:
        "results/benchmarks/vision_features/{dataset}/{vision}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 2
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 240 * attempt,
    params:
        pictures=lambda wc, input: vision_input(wc, input),
        weights=lambda wc: vision_weights(wc),
        # not an output: it has to stay where too much was rejected
        rejected=lambda wc, output: Path(output.table).with_suffix(".rejected.csv"),
        max_rejected=lambda wc: PLAN.datasets[wc.dataset]["max_rejected"],
        device=CONFIG["device"],
    shell:
        "python -m scripts.vision_features --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.vision} {params.pictures}"
        " --max-rejected {params.max_rejected} {params.weights} --device {params.device} --threads {threads}"
        " --out {output.table} --rejected {params.rejected} 2>&1 | tee {log}"
