"""Report: all experiments side by side; and on demand only, everything in one page.

in   results/experiments/*/test_metrics.json, predictions.csv      of this configuration and of others that ran here
     results/datasets/*/ceiling.json
out  results/comparison.csv, results/leaderboard.csv, results/comparison.png (or the configured formats)
     results/report.html    made from all that lies in results/ (sections: graincast/report/)
"""


localrules:
    compare,
    comparison_figure,


rule compare:
    input:
        recipe=recipe("compare"),
        metrics=finished_experiments(),
        ceilings=ceilings(),
        predictions=[predictions_beside(path) for path in finished_experiments()],
    output:
        table=report(
            "results/comparison.csv",
            caption="captions/comparison.rst",
            category="Comparison",
        ),
        leaderboard=report(
            "results/leaderboard.csv",
            caption="captions/leaderboard.rst",
            category="Comparison",
        ),
        made_from="results/comparison.csv.made_from.json",
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
    params:
        reference=CONFIG["reference"],
        ceilings=lambda wc, input: f"--ceilings {input.ceilings}" if input.ceilings else "",
    shell:
        "python -m scripts.compare --recipe {input.recipe} --metrics {input.metrics} {params.ceilings} --reference {params.reference:q}"
        " --out {output.table} --leaderboard {output.leaderboard} 2>&1 | tee {log}"


rule comparison_figure:
    input:
        recipe=recipe("comparison_figure"),
        comparison="results/comparison.csv",
    output:
        figures=report(
            PLAN.comparison_figures(),
            caption="captions/comparison_figure.rst",
            category="Comparison",
        ),
        made_from=f"{PLAN.comparison_figures()[0]}.made_from.json",
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
        "python -m scripts.comparison_figure --recipe {input.recipe} --comparison {input.comparison} --out {output.figures}"
        " 2>&1 | tee {log}"


rule report:
    input:
        recipe=recipe("report"),
        comparison="results/comparison.csv",
        metrics=finished_experiments(),
        ceilings=ceilings(),
        predictions=[predictions_beside(path) for path in finished_experiments()],
        tables=lambda wc: [
            f"results/datasets/{one}/{file}.csv" for one in PLAN.grains for file in ("summary", "rejected")
        ],
        graphs=lambda wc: [path for dataset in PLAN.grains for path in PLAN.graph_shards(dataset)],
    output:
        page=report(
            "results/report.html",
            caption="captions/report.rst",
            category="Comparison",
        ),
        made_from="results/report.html.made_from.json",
    log:
        "results/logs/report.log",
    benchmark:
        "results/benchmarks/report.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 30 * attempt,
    shell:
        "python -m scripts.report --recipe {input.recipe} --results results --out {output.page} 2>&1 | tee {log}"
