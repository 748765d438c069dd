"""Simulate: Potts grain growth from seeds, one job per batch of initial states.

in   the data set's `simulate` section
out  results/datasets/{dataset}/runs/{shard}/run-*/    SPPARKS run folders, as the graphs stage reads them
     results/datasets/{dataset}/runs/{shard}.json      their files and content hashes

Where batches are balanced, the initial states of a block of batches are made first:
     results/datasets/{dataset}/initial/{block}/run-*/ SPPARKS run folders without growth runs
     results/datasets/{dataset}/initial/{block}.json   which batch takes which, by forecast cost
"""


rule initialise:
    input:
        recipe=recipe("initialise", "dataset", "block"),
    output:
        shares="results/datasets/{dataset}/initial/{block}.json",
        initial=directory("results/datasets/{dataset}/initial/{block}"),
        made_from="results/datasets/{dataset}/initial/{block}.json.made_from.json",
    log:
        "results/logs/initialise/{dataset}/{block}.log",
    benchmark:
        "results/benchmarks/initialise/{dataset}/{block}.jsonl"
    wildcard_constraints:
        dataset="|".join(PLAN.simulated) or "-",
        block="[0-9]+",
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 2000 * attempt,
        runtime=lambda wc, attempt: 240 * attempt,
    shell:
        "python -m scripts.initialise --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.block}"
        " --out {output.initial} --shares {output.shares} 2>&1 | tee {log}"


rule simulate:
    input:
        recipe=recipe("simulate", "dataset", "shard"),
        initial=lambda wc: PLAN.initial_states(wc.dataset, wc.shard),
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
    params:
        initial=lambda wc, input: "--shares {} --initial {}".format(*input.initial) if input.initial else "",
    shell:
        "python -m scripts.simulate --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.shard}"
        " {params.initial} --out {output.runs} --manifest {output.manifest} 2>&1 | tee {log}"
