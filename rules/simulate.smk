"""Simulate: Potts grain growth from seeds, one job per batch of initial states.

in   the data set's `simulate` section
out  results/datasets/{dataset}/runs/{shard}/run-*/    SPPARKS run folders, as the graphs stage reads them
     results/datasets/{dataset}/runs/{shard}.json      their files and content hashes
"""


rule simulate:
    input:
        recipe=recipe("simulate", "dataset", "shard"),
    output:
        manifest="results/datasets/{dataset}/runs/{shard}.json",
        runs=directory("results/datasets/{dataset}/runs/{shard}"),
        made_from="results/datasets/{dataset}/runs/{shard}.json.made_from.json",
    log:
        "results/logs/simulate/{dataset}/{shard}.log",
    benchmark:
        "results/benchmarks/simulate/{dataset}/{shard}.jsonl"
    wildcard_constraints:
        dataset="|".join(PLAN.simulated) or "-",
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 2000 * attempt,
        runtime=lambda wc, attempt: 240 * attempt,
    shell:
        "python -m scripts.simulate --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.shard}"
        " --out {output.runs} --manifest {output.manifest} 2>&1 | tee {log}"
