"""Evaluate: choose a trial on validation data, test it once, and draw the figures.

in   results/experiments/{experiment}/trials/*/, the features and the split
out  results/experiments/{experiment}/test_metrics.json, trials.csv, predictions.csv, model.pt
     results/experiments/{experiment}/figures/
"""


localrules:
    figures,


rule evaluate:
    input:
        trials=trial_files("trials.json"),
        models=trial_files("models.pt"),
        features=features_of,
        split=split_of,
        src=model_sources("scripts/evaluate.py"),
    output:
        metrics="results/experiments/{experiment}/test_metrics.json",
        trials="results/experiments/{experiment}/trials.csv",
        predictions="results/experiments/{experiment}/predictions.csv",
        model="results/experiments/{experiment}/model.pt",
    log:
        "results/logs/evaluate/{experiment}.log",
    benchmark:
        "results/benchmarks/evaluate/{experiment}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=30,
    params:
        model=lambda wc: PLAN.experiments[wc.experiment]["model"],
        select=lambda wc: PLAN.experiments[wc.experiment]["select"],
        folders=lambda wc, input: [Path(path).parent for path in input.trials],
    shell:
        "python -m scripts.evaluate --trials {params.folders} --features {input.features} --split {input.split}"
        " --model {params.model} --select {params.select} --out results/experiments/{wildcards.experiment}"
        " 2>&1 | tee {log}"


rule figures:
    input:
        trials=trial_files("trials.json"),
        history=trial_files("history.h5"),
        metrics="results/experiments/{experiment}/test_metrics.json",
        predictions="results/experiments/{experiment}/predictions.csv",
        src=sources("scripts/figures.py"),
    output:
        directory("results/experiments/{experiment}/figures"),
    log:
        "results/logs/figures/{experiment}.log",
    benchmark:
        "results/benchmarks/figures/{experiment}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        folders=lambda wc, input: [Path(path).parent for path in input.trials],
        tracking=lambda wc, output: TRACKING,
        about=lambda wc, output: as_json(PLAN.mlflow_context(wc.experiment)),
    shell:
        "{{ python -m scripts.figures --trials {params.folders} --metrics {input.metrics}"
        " --predictions {input.predictions} --out {output} &&"
        " python -m scripts.track --tracking {params.tracking:q} experiment"
        " --folder results/experiments/{wildcards.experiment} --about {params.about:q} ; }} 2>&1 | tee {log}"
