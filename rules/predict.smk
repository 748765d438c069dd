"""Predict, on demand only: a trained model applied to maps. Nothing is trained for it, and no model is made stale.

in   the configuration's `predictions`: a trained model and raw data, which lie elsewhere
     results/predictions/{prediction}.raw/0000.json    names and content of the raw files
out  results/predictions/{prediction}/                 what is there: graincast/prediction/predict.py
"""


rule predict:
    input:
        recipe=recipe("predict", "prediction"),
        manifest=lambda wc: RAW.prediction_manifest(wc.prediction),
    output:
        folder=directory("results/predictions/{prediction}"),
        made_from="results/predictions/{prediction}.made_from.json",
    log:
        "results/logs/predict/{prediction}.log",
    benchmark:
        "results/benchmarks/predict/{prediction}.jsonl"
    wildcard_constraints:
        prediction="|".join(PLAN.predictions) or "-",
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    params:
        model=lambda wc: PLAN.predictions[wc.prediction]["model"],
        data=lambda wc: RAW.prediction_path(wc.prediction),
        extensions=EXTENSIONS,
    shell:
        "python -m scripts.predict --recipe {input.recipe} --model {params.model:q} --data {params.data:q}"
        " {params.extensions} --out {output.folder} 2>&1 | tee {log}"
