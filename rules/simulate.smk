"""Simulate: Potts grain growth from seeds, a batch of initial states a job.

in   the data set's `simulate` section
out  results/datasets/{dataset}/runs/{shard}/run-*/    SPPARKS run folders, as the graphs stage reads them
     results/datasets/{dataset}/runs/{shard}.json       their files and content hashes
"""


rule simulate:
    input:
        src=sources("scripts/simulate.py"),
    output:
        runs=directory("results/datasets/{dataset}/runs/{shard}"),
        manifest="results/datasets/{dataset}/runs/{shard}.json",
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
        simulate=lambda wc: as_json(PLAN.simulation(wc.dataset)),
        states=lambda wc: as_json(PLAN.states(wc.dataset, wc.shard)),
    shell:
        "python -m scripts.simulate --name {wildcards.dataset}/{wildcards.shard}"
        " --simulate {params.simulate:q} --states {params.states:q}"
        " --out {output.runs} --manifest {output.manifest} 2>&1 | tee {log}"
