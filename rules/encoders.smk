"""Encoders: trained once a data set, without labels, and what they make of its grains and boundaries.

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
        graphs=graph_shards,
        src=encoder_sources("scripts/encoder.py"),
    output:
        encoder="results/datasets/{dataset}/encoders/{encoder}/encoder.h5",
        errors="results/datasets/{dataset}/encoders/{encoder}/errors.csv",
        history="results/datasets/{dataset}/encoders/{encoder}/history.csv",
        samples="results/datasets/{dataset}/encoders/{encoder}/samples.h5",
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
        encoder=lambda wc: as_json(CONFIG["encoders"][wc.encoder]),
        device=lambda wc, output: CONFIG["device"],
        folder=lambda wc, output: Path(output.encoder).parent,
        checkpoints=lambda wc, output: Path(output.encoder).parent.with_suffix(".checkpoints"),
    shell:
        "python -m scripts.encoder --name {wildcards.dataset}/{wildcards.encoder} --graphs {input.graphs}"
        " --encoder {params.encoder:q} --device {params.device} --threads {threads}"
        " --checkpoints {params.checkpoints} --out {params.folder} 2>&1 | tee {log}"


rule encoder_figures:
    input:
        errors="results/datasets/{dataset}/encoders/{encoder}/errors.csv",
        history="results/datasets/{dataset}/encoders/{encoder}/history.csv",
        samples="results/datasets/{dataset}/encoders/{encoder}/samples.h5",
        src=sources("scripts/encoder_figures.py"),
    output:
        directory("results/datasets/{dataset}/encoders/{encoder}.figures"),
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
        "python -m scripts.encoder_figures --encoder {params.folder} --title {wildcards.dataset}/{wildcards.encoder}"
        " --out {output} 2>&1 | tee {log}"


rule encode:
    input:
        graphs=graph_shards,
        encoder="results/datasets/{dataset}/encoders/{encoder}/encoder.h5",
        src=encoder_sources("scripts/encode.py"),
    output:
        "results/datasets/{dataset}/codes/{encoder}-{components}.h5",
    log:
        "results/logs/encode/{dataset}/{encoder}-{components}.log",
    benchmark:
        "results/benchmarks/encode/{dataset}/{encoder}-{components}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        device=lambda wc, output: CONFIG["device"],
    shell:
        "python -m scripts.encode --name {wildcards.dataset}/{wildcards.encoder} --graphs {input.graphs}"
        " --encoder {input.encoder} --components {wildcards.components} --device {params.device}"
        " --threads {threads} --out {output} 2>&1 | tee {log}"


rule encoded_features:
    input:
        graphs=graph_shards,
        rejected=rejected_tables,
        codes=lambda wc: PLAN.codes(wc.dataset, wc.encoded),
        src=sources("scripts/encoded_features.py"),
    output:
        "results/datasets/{dataset}/features/{encoded}.h5",
    log:
        "results/logs/features/{dataset}/{encoded}.log",
    benchmark:
        "results/benchmarks/features/{dataset}/{encoded}.jsonl"
    conda:
        "../envs/conda.yaml"
    threads: 1
    resources:
        mem_mb=lambda wc, attempt: 4000 * attempt,
        runtime=lambda wc, attempt: 60 * attempt,
    params:
        columns=lambda wc: as_json(CONFIG["encoded_sets"][wc.encoded]["columns"]),
        max_rejected=lambda wc, input: PLAN.datasets[wc.dataset]["max_rejected"],
    shell:
        "python -m scripts.encoded_features --name {wildcards.dataset}/{wildcards.encoded} --graphs {input.graphs}"
        " --codes {input.codes} --rejected {input.rejected} --max-rejected {params.max_rejected}"
        " --columns {params.columns:q} --out {output} 2>&1 | tee {log}"
