"""Vision: the pictures of a data set through a vision network, one file a vision set.

in   results/datasets/{dataset}/graphs/*.h5, or the manifests of labelled images
out  results/datasets/{dataset}/features/{vision}.h5             (format: graincast/vision/table.py)
     results/datasets/{dataset}/features/{vision}.rejected.csv   images that could not be used, and why
"""


rule vision_features:
    input:
        names=lambda wc: PLAN.name_lists(wc.dataset),
        rejected=lambda wc: [] if wc.dataset in PLAN.images else rejected_tables(wc),
        src=sources("scripts/vision_features.py"),
    output:
        "results/datasets/{dataset}/features/{vision}.h5",
    log:
        "results/logs/features/{dataset}/{vision}.log",
    benchmark:
        "results/benchmarks/features/{dataset}/{vision}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 2
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 240 * attempt,
    params:
        settings=lambda wc: as_json(PLAN.vision_settings(wc.vision)),
        # functions of `input` or `output` are not recorded: where data and weights lie makes nothing stale
        given=lambda wc, input: vision_input(wc, input),
        weights=lambda wc, output: vision_weights(wc),
        # no output: it has to stay where too much was rejected
        rejected=lambda wc, output: Path(output[0]).with_suffix(".rejected.csv"),
        max_rejected=lambda wc, input: PLAN.datasets[wc.dataset]["max_rejected"],
        device=lambda wc, output: CONFIG["device"],
    shell:
        "python -m scripts.vision_features --name {wildcards.dataset}/{wildcards.vision} {params.given}"
        " --max-rejected {params.max_rejected} --settings {params.settings:q} {params.weights}"
        " --device {params.device} --threads {threads} --out {output} --rejected {params.rejected}"
        " 2>&1 | tee {log}"
