"""Graphs: raw runs to grain graphs, one job per shard; splits; the summary; and whether too much was rejected.

in   results/datasets/{dataset}/raw/{shard}.json (made here: runs/{shard}.json)   names and content of raw files, which lie elsewhere
out  results/datasets/{dataset}/graphs/{shard}.h5       grain graphs (format: graincast/graphs/shards.py)
     results/datasets/{dataset}/graphs/{shard}.rejected.csv
     results/datasets/{dataset}/splits/{split}.csv      the subset of each microstructure in each fold
     results/datasets/{dataset}/summary.csv, rejected.csv
     results/datasets/{dataset}/ceiling.json, ceiling.png      the best that any model can reach, where states have repeats
     results/datasets/{dataset}/checked.json            absent if too much was rejected
"""


localrules:
    check_rejected,
    ceiling,
    split,


rule graphs:
    input:
        recipe=recipe("graphs", "dataset", "shard"),
        manifest=lambda wc: PLAN.manifest(wc.dataset, wc.shard),
        # folders compare by time alone; the manifest beside them, made by the same job, holds their content
        runs=lambda wc: ancient([PLAN.run_folder(wc.dataset, wc.shard)] if wc.dataset in PLAN.made_here else []),
    output:
        graphs="results/datasets/{dataset}/graphs/{shard}.h5",
        rejected="results/datasets/{dataset}/graphs/{shard}.rejected.csv",
        made_from="results/datasets/{dataset}/graphs/{shard}.h5.made_from.json",
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
        root=lambda wc: RAW.root(wc.dataset, wc.shard),
    shell:
        "python -m scripts.graphs --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.shard}"
        " --manifest {input.manifest} --root {params.root:q} --out {output.graphs} --rejected {output.rejected}"
        " 2>&1 | tee {log}"


rule split:
    input:
        recipe=recipe("split", "dataset", "split"),
        names=lambda wc: PLAN.name_lists(wc.dataset),
        table=lambda wc: PLAN.split_table(wc.split),
    output:
        split="results/datasets/{dataset}/splits/{split}.csv",
        made_from="results/datasets/{dataset}/splits/{split}.csv.made_from.json",
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
        names=lambda wc, input: f"{'--manifests' if wc.dataset in PLAN.images else '--graphs'} {input.names}",
        table=lambda wc, input: f"--table {input.table}" if input.table else "",
    shell:
        "python -m scripts.split --recipe {input.recipe} {params.names} {params.table} --out {output.split}"
        " 2>&1 | tee {log}"


rule summarise:
    input:
        recipe=recipe("summarise", "dataset"),
        graphs=graph_shards,
        rejected=rejected_tables,
        splits=lambda wc: PLAN.splits(wc.dataset),
    output:
        summary="results/datasets/{dataset}/summary.csv",
        rejected="results/datasets/{dataset}/rejected.csv",
        made_from="results/datasets/{dataset}/summary.csv.made_from.json",
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
        "python -m scripts.summarise --recipe {input.recipe} --name {wildcards.dataset} --graphs {input.graphs}"
        " --rejected {input.rejected} --splits {input.splits} --out {output.summary} --out-rejected {output.rejected}"
        " 2>&1 | tee {log}"


rule ceiling:
    input:
        recipe=recipe("ceiling", "dataset"),
        summary="results/datasets/{dataset}/summary.csv",
    output:
        ceiling="results/datasets/{dataset}/ceiling.json",
        figure=report(
            "results/datasets/{dataset}/ceiling.png",
            caption="captions/ceiling.rst",
            category="Data sets",
            subcategory="{dataset}",
        ),
        made_from="results/datasets/{dataset}/ceiling.json.made_from.json",
    log:
        "results/logs/ceiling/{dataset}.log",
    benchmark:
        "results/benchmarks/ceiling/{dataset}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m scripts.ceiling --recipe {input.recipe} --name {wildcards.dataset} --summary {input.summary}"
        " --out {output.ceiling} --figure {output.figure} 2>&1 | tee {log}"


rule check_rejected:
    input:
        recipe=recipe("check_rejected", "dataset"),
        summary="results/datasets/{dataset}/summary.csv",
        rejected="results/datasets/{dataset}/rejected.csv",
    output:
        checked="results/datasets/{dataset}/checked.json",
        made_from="results/datasets/{dataset}/checked.json.made_from.json",
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
    shell:
        "python -m scripts.check_rejected --recipe {input.recipe} --name {wildcards.dataset} --summary {input.summary}"
        " --rejected {input.rejected} --out {output.checked} 2>&1 | tee {log}"
