"""Regrow: growth runs of the simulator from the microstructures of another data set, one job per shard of it.

in   results/datasets/{from}/graphs/{shard}.h5         of the data set that `from` names
out  results/datasets/{dataset}/runs/{shard}/*         a folder per microstructure (graincast/potts/regrowth.py)
     results/datasets/{dataset}/runs/{shard}.json      their files and content hashes
"""


rule regrow:
    input:
        recipe=recipe("regrow", "dataset", "shard"),
        graphs=lambda wc: PLAN.graphs_to_regrow(wc.dataset, wc.shard),
    output:
        manifest="results/datasets/{dataset}/runs/{shard}.json",
        runs=directory("results/datasets/{dataset}/runs/{shard}"),
        made_from="results/datasets/{dataset}/runs/{shard}.json.made_from.json",
    log:
        "results/logs/regrow/{dataset}/{shard}.log",
    benchmark:
        "results/benchmarks/regrow/{dataset}/{shard}.jsonl"
    wildcard_constraints:
        dataset="|".join(PLAN.regrown) or "-",
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 2000 * attempt,
        runtime=lambda wc, attempt: 240 * attempt,
    shell:
        "python -m scripts.regrow --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.shard}"
        " --graphs {input.graphs} --out {output.runs} --manifest {output.manifest} 2>&1 | tee {log}"
