"""Encoders: trained once per data set, without labels, and what they make of its grains and boundaries.

in   results/datasets/{dataset}/graphs/*.h5
out  results/datasets/{dataset}/encoders/{encoder}/             encoder.h5, errors.csv, history.csv, samples.h5
     results/datasets/{dataset}/encoders/{encoder}.figures/
     results/datasets/{dataset}/codes/{encoder}-{components}.h5    (format: graincast/encoders/codes.py)
     results/datasets/{dataset}/features/{features}.h5          of encoded_sets (format: graincast/features/table.py)
"""


localrules:
    encoder_figures,


rule encoder:
    input:
        recipe=recipe("encoder", "dataset", "encoder"),
        graphs=graph_shards,
    output:
        encoder="results/datasets/{dataset}/encoders/{encoder}/encoder.h5",
        errors="results/datasets/{dataset}/encoders/{encoder}/errors.csv",
        history="results/datasets/{dataset}/encoders/{encoder}/history.csv",
        samples="results/datasets/{dataset}/encoders/{encoder}/samples.h5",
        made_from="results/datasets/{dataset}/encoders/{encoder}/encoder.h5.made_from.json",
    log:
        "results/logs/encoder/{dataset}/{encoder}.log",
    benchmark:
        "results/benchmarks/encoder/{dataset}/{encoder}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 2
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 240 * attempt,
    params:
        device=CONFIG["device"],
        folder=lambda wc, output: Path(output.encoder).parent,
        checkpoints=lambda wc, output: Path(output.encoder).parent.with_suffix(".checkpoints"),
    shell:
        "python -m scripts.encoder --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.encoder} --graphs {input.graphs}"
        " --device {params.device} --threads {threads} --checkpoints {params.checkpoints} --out {params.folder}"
        " 2>&1 | tee {log}"


rule encoder_figures:
    input:
        recipe=recipe("encoder_figures", "dataset", "encoder"),
        errors="results/datasets/{dataset}/encoders/{encoder}/errors.csv",
        history="results/datasets/{dataset}/encoders/{encoder}/history.csv",
        samples="results/datasets/{dataset}/encoders/{encoder}/samples.h5",
    output:
        figures=report(
            directory("results/datasets/{dataset}/encoders/{encoder}.figures"),
            patterns=[f"{{name}}.{form}" for form in CONFIG["figures"]["formats"]],
            caption="captions/encoder_figures.rst",
            category="Data sets",
            subcategory="{dataset}",
            labels={"figure": "{encoder}: {name}"},
        ),
        made_from="results/datasets/{dataset}/encoders/{encoder}.figures.made_from.json",
    log:
        "results/logs/encoder_figures/{dataset}/{encoder}.log",
    benchmark:
        "results/benchmarks/encoder_figures/{dataset}/{encoder}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        folder=lambda wc, input: Path(input.errors).parent,
    shell:
        "python -m scripts.encoder_figures --recipe {input.recipe} --encoder {params.folder}"
        " --title {wildcards.dataset}/{wildcards.encoder} --out {output.figures} 2>&1 | tee {log}"


rule encode:
    input:
        recipe=recipe("encode", "dataset", "encoder", "components"),
        graphs=graph_shards,
        encoder="results/datasets/{dataset}/encoders/{encoder}/encoder.h5",
    output:
        codes="results/datasets/{dataset}/codes/{encoder}-{components}.h5",
        made_from="results/datasets/{dataset}/codes/{encoder}-{components}.h5.made_from.json",
    log:
        "results/logs/encode/{dataset}/{encoder}/{components}.log",
    benchmark:
        "results/benchmarks/encode/{dataset}/{encoder}/{components}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        device=CONFIG["device"],
    shell:
        "python -m scripts.encode --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.encoder} --graphs {input.graphs}"
        " --encoder {input.encoder} --components {wildcards.components} --device {params.device} --threads {threads}"
        " --out {output.codes} 2>&1 | tee {log}"


rule encoded_features:
    input:
        recipe=recipe("encoded_features", "dataset", "encoded"),
        graphs=graph_shards,
        rejected=rejected_tables,
        codes=lambda wc: PLAN.codes(wc.dataset, wc.encoded),
    output:
        table="results/datasets/{dataset}/features/{encoded}.h5",
        made_from="results/datasets/{dataset}/features/{encoded}.h5.made_from.json",
    log:
        "results/logs/encoded_features/{dataset}/{encoded}.log",
    benchmark:
        "results/benchmarks/encoded_features/{dataset}/{encoded}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    params:
        extensions=EXTENSIONS,
        max_rejected=lambda wc: PLAN.datasets[wc.dataset]["max_rejected"],
    shell:
        "python -m scripts.encoded_features --recipe {input.recipe} --name {wildcards.dataset}/{wildcards.encoded}"
        " --graphs {input.graphs} --codes {input.codes} --rejected {input.rejected}"
        " --max-rejected {params.max_rejected} {params.extensions} --out {output.table} 2>&1 | tee {log}"
