"""Train: the trials of one job of an experiment together; then measured on validation data; then logged to MLflow.

The job of an experiment with `search` is a study: trials one after another, on one fold.

in   results/datasets/{dataset}/features/{features}.h5, splits/{split}.csv
out  results/experiments/{experiment}/trials/{job}/trained.json, history.h5, models.h5, validation.h5
     results/experiments/{experiment}/trials/{job}/trials.json     each trial's validation metrics
     results/experiments/{experiment}/trials/{job}/sent.json       what was logged to MLflow
     (formats: graincast/experiment/trained.py)
"""


localrules:
    log_trials,
    measure,
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
        tracking=TRACKING,
    shell:
        "python -m scripts.track --tracking {params.tracking:q} store 2>&1 | tee {log}"


rule train:
    input:
        recipe=recipe("train", "experiment", "job"),
        features=features_of,
        also=also_of,
        split=split_of,
    output:
        trained="results/experiments/{experiment}/trials/{job}/trained.json",
        history="results/experiments/{experiment}/trials/{job}/history.h5",
        models="results/experiments/{experiment}/trials/{job}/models.h5",
        validation="results/experiments/{experiment}/trials/{job}/validation.h5",
        made_from="results/experiments/{experiment}/trials/{job}/trained.json.made_from.json",
    log:
        "results/logs/train/{experiment}/{job}.log",
    benchmark:
        "results/benchmarks/train/{experiment}/{job}.jsonl"
    wildcard_constraints:
        experiment=experiments_that(search=False),
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        device=CONFIG["device"],
        extensions=EXTENSIONS,
        folder=lambda wc, output: Path(output.trained).parent,
    shell:
        "python -m scripts.train --recipe {input.recipe} --name {wildcards.experiment}/{wildcards.job}"
        " --features {input.features} --also {input.also} --split {input.split} --device {params.device} --threads {threads}"
        " {params.extensions} --out {params.folder} 2>&1 | tee {log}"


rule study:
    input:
        recipe=recipe("study", "experiment", "job"),
        features=features_of,
        also=also_of,
        split=split_of,
    output:
        trained="results/experiments/{experiment}/trials/{job}/trained.json",
        history="results/experiments/{experiment}/trials/{job}/history.h5",
        models="results/experiments/{experiment}/trials/{job}/models.h5",
        validation="results/experiments/{experiment}/trials/{job}/validation.h5",
        made_from="results/experiments/{experiment}/trials/{job}/trained.json.made_from.json",
    log:
        "results/logs/study/{experiment}/{job}.log",
    benchmark:
        "results/benchmarks/study/{experiment}/{job}.jsonl"
    wildcard_constraints:
        experiment=experiments_that(search=True),
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 240 * attempt,
    params:
        device=CONFIG["device"],
        extensions=EXTENSIONS,
        folder=lambda wc, output: Path(output.trained).parent,
    shell:
        "python -m scripts.study --recipe {input.recipe} --name {wildcards.experiment}/{wildcards.job}"
        " --features {input.features} --also {input.also} --split {input.split} --device {params.device} --threads {threads}"
        " {params.extensions} --out {params.folder} 2>&1 | tee {log}"


rule measure:
    input:
        recipe=recipe("measure", "experiment", "job"),
        trained="results/experiments/{experiment}/trials/{job}/trained.json",
        validation="results/experiments/{experiment}/trials/{job}/validation.h5",
    output:
        trials="results/experiments/{experiment}/trials/{job}/trials.json",
        made_from="results/experiments/{experiment}/trials/{job}/trials.json.made_from.json",
    log:
        "results/logs/measure/{experiment}/{job}.log",
    benchmark:
        "results/benchmarks/measure/{experiment}/{job}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m scripts.measure --recipe {input.recipe} --trained {input.trained} --validation {input.validation}"
        " --out {output.trials} 2>&1 | tee {log}"


rule log_trials:
    input:
        recipe=recipe("log_trials", "experiment", "job"),
        trials="results/experiments/{experiment}/trials/{job}/trials.json",
        history="results/experiments/{experiment}/trials/{job}/history.h5",
    output:
        sent="results/experiments/{experiment}/trials/{job}/sent.json",
        made_from="results/experiments/{experiment}/trials/{job}/sent.json.made_from.json",
    log:
        "results/logs/log_trials/{experiment}/{job}.log",
    benchmark:
        "results/benchmarks/log_trials/{experiment}/{job}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        tracking=TRACKING,
        folder=lambda wc, output: Path(output.sent).parent,
    shell:
        # whatever becomes of it, the trials stand
        "{{ python -m scripts.track --tracking {params.tracking:q} trials --recipe {input.recipe} --folder {params.folder}"
        " --out {output.sent} || python -m scripts.track --tracking {params.tracking:q} unsent --recipe {input.recipe}"
        " --folder {params.folder} --out {output.sent} ; }} 2>&1 | tee {log}"
