"""Graphs: raw runs to grain graphs, a shard a job; splits; the summary; and whether too much was rejected.

in   results/datasets/{dataset}/raw/{shard}.json (simulated: runs/{shard}.json)   which raw files with what content (the files lie elsewhere)
out  results/datasets/{dataset}/graphs/{shard}.h5       grain graphs (format: graincast/graphs/shards.py)
     results/datasets/{dataset}/graphs/{shard}.rejected.csv
     results/datasets/{dataset}/splits/{split}.csv      the part of each microstructure in each fold
     results/datasets/{dataset}/summary.csv, rejected.csv
     results/datasets/{dataset}/checked.json           absent if too much was rejected
"""


localrules:
    check_rejected,
    split,


rule graphs:
    input:
        manifest=lambda wc: PLAN.manifest(wc.dataset, wc.shard),
        # folders compare by time alone; the manifest beside them, made by the same job, tells of their content
        runs=lambda wc: ancient([PLAN.run_folder(wc.dataset, wc.shard)] if wc.dataset in PLAN.simulated else []),
        src=lambda wc: sources("scripts/graphs.py"),
    output:
        graphs="results/datasets/{dataset}/graphs/{shard}.h5",
        rejected="results/datasets/{dataset}/graphs/{shard}.rejected.csv",
    log:
        "results/logs/graphs/{dataset}/{shard}.log",
    benchmark:
        "results/benchmarks/graphs/{dataset}/{shard}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 2000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    params:
        source=lambda wc: PLAN.datasets[wc.dataset]["source"],
        hops=lambda wc: as_json({"hops": PLAN.datasets[wc.dataset]["hops"]}),
        time_steps=lambda wc: as_json({"time_steps": PLAN.datasets[wc.dataset]["time_steps"]}),
        # a function of `input` is not recorded: the place of the data may change without making anything stale
        root=lambda wc, input: RAW.root(wc.dataset, wc.shard),
    shell:
        "python -m scripts.graphs --name {wildcards.dataset}/{wildcards.shard} --manifest {input.manifest}"
        " --root {params.root:q} --source {params.source} --cut {params.hops:q} --keep {params.time_steps:q}"
        " --out {output.graphs} --rejected {output.rejected} 2>&1 | tee {log}"


rule split:
    input:
        names=lambda wc: PLAN.name_lists(wc.dataset),
        table=lambda wc: PLAN.split_table(wc.split),
        src=sources("scripts/split.py"),
    output:
        "results/datasets/{dataset}/splits/{split}.csv",
    log:
        "results/logs/split/{dataset}/{split}.log",
    benchmark:
        "results/benchmarks/split/{dataset}/{split}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        split=lambda wc: as_json(PLAN.split_settings(wc.split)),
        names=lambda wc, input: f"{'--manifests' if wc.dataset in PLAN.images else '--graphs'} {input.names}",
        table=lambda wc, input: f"--table {input.table}" if input.table else "",
    shell:
        "python -m scripts.split {params.names} --split {params.split:q} {params.table}"
        " --out {output} 2>&1 | tee {log}"


rule summarise:
    input:
        graphs=graph_shards,
        rejected=rejected_tables,
        splits=lambda wc: PLAN.splits(wc.dataset),
        src=sources("scripts/summarise.py"),
    output:
        summary="results/datasets/{dataset}/summary.csv",
        rejected="results/datasets/{dataset}/rejected.csv",
    log:
        "results/logs/summarise/{dataset}.log",
    benchmark:
        "results/benchmarks/summarise/{dataset}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 2000 * attempt,
        runtime=30,
    shell:
        "python -m scripts.summarise --name {wildcards.dataset} --graphs {input.graphs} --rejected {input.rejected}"
        " --splits {input.splits} --out {output.summary} --out-rejected {output.rejected} 2>&1 | tee {log}"


rule check_rejected:
    input:
        summary="results/datasets/{dataset}/summary.csv",
        rejected="results/datasets/{dataset}/rejected.csv",
        src=sources("scripts/check_rejected.py"),
    output:
        "results/datasets/{dataset}/checked.json",
    log:
        "results/logs/check_rejected/{dataset}.log",
    benchmark:
        "results/benchmarks/check_rejected/{dataset}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    params:
        max_rejected=lambda wc: PLAN.datasets[wc.dataset]["max_rejected"],
    shell:
        "python -m scripts.check_rejected --name {wildcards.dataset} --summary {input.summary} --rejected {input.rejected}"
        " --max-rejected {params.max_rejected} --out {output} 2>&1 | tee {log}"
