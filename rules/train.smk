"""Train: the trials of an experiment, those of one job together; each is a run in MLflow too.

in   results/datasets/{dataset}/features/{features}.h5, splits/{split}.csv
out  results/experiments/{experiment}/trials/{job}/trials.json, history.h5, models.pt
     (format: graincast/experiment/trained.py)
"""


localrules:
    tracking_store,


rule tracking_store:
    output:
        touch("results/tracking/store"),
    log:
        "results/logs/tracking_store.log",
    benchmark:
        "results/benchmarks/tracking_store.jsonl"
    # before any training; a dependency would not do, as a store made anew would hide what else is stale
    priority: 100
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        # functions of `output` are not recorded: another address makes nothing stale
        tracking=lambda wc, output: TRACKING,
    shell:
        "python -m scripts.track --tracking {params.tracking:q} store 2>&1 | tee {log}"


rule train:
    input:
        features=features_of,
        split=split_of,
        src=model_sources("scripts/train.py"),
    output:
        trials="results/experiments/{experiment}/trials/{job}/trials.json",
        history="results/experiments/{experiment}/trials/{job}/history.h5",
        models="results/experiments/{experiment}/trials/{job}/models.pt",
    log:
        "results/logs/train/{experiment}/{job}.log",
    benchmark:
        "results/benchmarks/train/{experiment}/{job}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        model=lambda wc: PLAN.experiments[wc.experiment]["model"],
        target=lambda wc: as_json(PLAN.target(wc.experiment)),
        grid=lambda wc: as_json(PLAN.training_jobs(wc.experiment)[wc.job]),
        training=lambda wc: as_json(PLAN.experiments[wc.experiment]["training"]),
        device=lambda wc, output: CONFIG["device"],
        tracking=lambda wc, output: TRACKING,
        about=lambda wc, output: as_json(PLAN.mlflow_context(wc.experiment)),
        folder=lambda wc, output: Path(output.trials).parent,
    shell:
        "{{ python -m scripts.train --name {wildcards.experiment}/{wildcards.job} --features {input.features}"
        " --split {input.split} --model {params.model} --target {params.target:q} --grid {params.grid:q}"
        " --training {params.training:q} --device {params.device} --threads {threads} --out {params.folder} &&"
        # What MLflow is told is no output: whatever becomes of it, the trials stand.
        " python -m scripts.track --tracking {params.tracking:q} trials --folder {params.folder}"
        " --about {params.about:q} ; }} 2>&1 | tee {log}"
