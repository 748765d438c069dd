"""Report: all experiments side by side.

in   results/experiments/*/test_metrics.json      of this configuration and of others that ran here
out  results/comparison.csv, results/comparison.png
"""


localrules:
    compare,
    comparison_figure,


rule compare:
    input:
        metrics=finished_experiments(),
        src=sources("scripts/compare.py"),
    output:
        "results/comparison.csv",
    log:
        "results/logs/compare.log",
    benchmark:
        "results/benchmarks/compare.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=5,
    shell:
        "python -m scripts.compare --metrics {input.metrics} --out {output} 2>&1 | tee {log}"


rule comparison_figure:
    input:
        comparison="results/comparison.csv",
        src=sources("scripts/comparison_figure.py"),
    output:
        "results/comparison.png",
    log:
        "results/logs/comparison_figure.log",
    benchmark:
        "results/benchmarks/comparison_figure.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    shell:
        "python -m scripts.comparison_figure --comparison {input.comparison} --out {output} 2>&1 | tee {log}"
