"""Evaluate: choose a trial on validation data, test it once, draw the figures, log the outcome to MLflow.

An experiment with an ensemble trains the chosen trial with further seeds first.

in   results/experiments/{experiment}/trials/*/, the features and the split
out  results/experiments/{experiment}/members/members.h5  of an ensemble (format: graincast/experiment/trained.py)
     results/experiments/{experiment}/test_metrics.json, trials.csv, predictions.csv
     results/experiments/{experiment}/model.h5        the models chosen (format: graincast/prediction/trained_model.py)
     results/experiments/{experiment}/sources.zip     the sources that its predictions run
     results/experiments/{experiment}/figures/
     results/experiments/{experiment}/MODEL_CARD.md   what the model is, learned from and reached; how to load it
     results/experiments/{experiment}/sent.json       what was logged to MLflow
"""


localrules:
    figures,
    model_card,
    log_experiment,


rule members:
    input:
        recipe=recipe("members", "experiment"),
        trials=trial_files("trials.json"),
        features=features_of,
        also=also_of,
        split=split_of,
    output:
        members="results/experiments/{experiment}/members/members.h5",
        made_from="results/experiments/{experiment}/members/members.h5.made_from.json",
    log:
        "results/logs/members/{experiment}.log",
    benchmark:
        "results/benchmarks/members/{experiment}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        device=CONFIG["device"],
        extensions=EXTENSIONS,
        trials=lambda wc, input: [Path(path).parent for path in input.trials],
        folder=lambda wc, output: Path(output.members).parent,
    shell:
        "python -m scripts.members --recipe {input.recipe} --trials {params.trials} --features {input.features}"
        " --also {input.also} --split {input.split} --device {params.device} --threads {threads} {params.extensions}"
        " --out {params.folder} 2>&1 | tee {log}"


rule evaluate:
    input:
        recipe=recipe("evaluate", "experiment"),
        trials=trial_files("trials.json"),
        models=trial_files("models.h5"),
        members=lambda wc: PLAN.members(wc.experiment),
        features=features_of,
        also=also_of,
        split=split_of,
    output:
        metrics=report(
            "results/experiments/{experiment}/test_metrics.json",
            caption="captions/test_metrics.rst",
            category="Experiments",
            subcategory="{experiment}",
        ),
        trials=report(
            "results/experiments/{experiment}/trials.csv",
            caption="captions/trials.rst",
            category="Experiments",
            subcategory="{experiment}",
        ),
        predictions="results/experiments/{experiment}/predictions.csv",
        model="results/experiments/{experiment}/model.h5",
        sources="results/experiments/{experiment}/sources.zip",
        made_from="results/experiments/{experiment}/test_metrics.json.made_from.json",
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
        extensions=EXTENSIONS,
        folders=lambda wc, input: [Path(path).parent for path in input.trials],
        members=lambda wc, input: f"--members {input.members}" if input.members else "",
    shell:
        "python -m scripts.evaluate --recipe {input.recipe} --trials {params.folders} --features {input.features}"
        " --also {input.also} --split {input.split} {params.members} {params.extensions}"
        " --out results/experiments/{wildcards.experiment} 2>&1 | tee {log}"


rule figures:
    input:
        recipe=recipe("figures", "experiment"),
        trials=trial_files("trials.json"),
        history=trial_files("history.h5"),
        metrics="results/experiments/{experiment}/test_metrics.json",
        predictions="results/experiments/{experiment}/predictions.csv",
    output:
        figures=report(
            directory("results/experiments/{experiment}/figures"),
            patterns=[f"{{name}}.{form}" for form in CONFIG["figures"]["formats"]],
            caption="captions/figures.rst",
            category="Experiments",
            subcategory="{experiment}",
            labels={"figure": "{name}"},
        ),
        made_from="results/experiments/{experiment}/figures.made_from.json",
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
    shell:
        "python -m scripts.figures --recipe {input.recipe} --trials {params.folders} --metrics {input.metrics}"
        " --predictions {input.predictions} --out {output.figures} 2>&1 | tee {log}"


rule model_card:
    input:
        recipe=recipe("model_card", "experiment"),
        metrics="results/experiments/{experiment}/test_metrics.json",
        trials="results/experiments/{experiment}/trials.csv",
        model="results/experiments/{experiment}/model.h5",
        ceiling=lambda wc: PLAN.ceiling_of(wc.experiment),
    output:
        card="results/experiments/{experiment}/MODEL_CARD.md",
        made_from="results/experiments/{experiment}/MODEL_CARD.md.made_from.json",
    log:
        "results/logs/model_card/{experiment}.log",
    benchmark:
        "results/benchmarks/model_card/{experiment}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        extensions=EXTENSIONS,
        ceiling=lambda wc, input: f"--ceiling {input.ceiling}" if input.ceiling else "",
    shell:
        "python -m scripts.model_card --recipe {input.recipe} --model {input.model} --metrics {input.metrics}"
        " --trials {input.trials} {params.ceiling} {params.extensions} --out {output.card} 2>&1 | tee {log}"


rule log_experiment:
    input:
        recipe=recipe("log_experiment", "experiment"),
        metrics="results/experiments/{experiment}/test_metrics.json",
        tables=["results/experiments/{experiment}/trials.csv", "results/experiments/{experiment}/predictions.csv"],
        model=["results/experiments/{experiment}/model.h5", "results/experiments/{experiment}/sources.zip"],
        figures="results/experiments/{experiment}/figures",
        card="results/experiments/{experiment}/MODEL_CARD.md",
        trials=trial_files("sent.json"),
    output:
        sent="results/experiments/{experiment}/sent.json",
        made_from="results/experiments/{experiment}/sent.json.made_from.json",
    log:
        "results/logs/log_experiment/{experiment}.log",
    benchmark:
        "results/benchmarks/log_experiment/{experiment}.jsonl"
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
        # whatever becomes of it, the results stand
        "{{ python -m scripts.track --tracking {params.tracking:q} experiment --recipe {input.recipe} --folder {params.folder}"
        " --out {output.sent} || python -m scripts.track --tracking {params.tracking:q} unsent --recipe {input.recipe}"
        " --folder {params.folder} --out {output.sent} ; }} 2>&1 | tee {log}"
