"""Stack: predict the data with the chosen models of several experiments, as features of a stack.

in   results/experiments/{experiment}/model.h5, the features of each of these experiments, and their split
out  results/datasets/{dataset}/features/{stacked}.h5    of stacked_sets (format: graincast/experiment/stacked.py)
"""


rule stacked_features:
    input:
        unpack(lambda wc: PLAN.stacked_in(wc.dataset, wc.stacked)),
        recipe=recipe("stacked_features", "dataset", "stacked"),
    output:
        table="results/datasets/{dataset}/features/{stacked}.h5",
        made_from="results/datasets/{dataset}/features/{stacked}.h5.made_from.json",
    log:
        "results/logs/stacked_features/{dataset}/{stacked}.log",
    benchmark:
        "results/benchmarks/stacked_features/{dataset}/{stacked}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=60,
    params:
        extensions=EXTENSIONS,
    shell:
        "python -m scripts.stacked_features --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.stacked}"
        " --models {input.models} --features {input.features} --split {input.split} {params.extensions}"
        " --out {output.table} 2>&1 | tee {log}"
