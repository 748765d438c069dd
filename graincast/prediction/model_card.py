"""The card of a trained model (Mitchell et al. 2019, arXiv 1810.03993), as Markdown, from an experiment's results."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graincast.evaluation.metrics import METRICS, names
from graincast.experiment.targets import ABNORMAL, ALL, GROWTH_RATIO, LABEL
from graincast.features.named import Features

MOST = 120
"""The most features whose ranges are listed."""
TASKS = {
    ABNORMAL: "whether a grain grows abnormally: whether its final area exceeds {threshold} times its initial one",
    LABEL: "the class of an image",
}
OTHERWISE = "a grain's growth ratio, its final area over its initial one"


def text(
    about: Mapping[str, Any],
    ranges: Mapping[str, np.ndarray],
    result: Mapping[str, Any],
    trials: Sequence[Mapping[str, str]],
    ceiling: Mapping[str, Any] | None,
    commit: str,
    tables: tuple[Features, Features],
) -> str:
    """The card.

    about, ranges  of the trained model's file (trained_model.py)
    result         content of test_metrics.json
    trials         rows of trials.csv
    ceiling        content of the data set's ceiling.json
    commit         of the sources that evaluated; "" if unknown
    tables         node and edge features by name, for their units
    """
    sections = [
        ("Purpose", _purpose(about)),
        ("Training data", _data(about, result)),
        ("Test results", _results(about, result, ceiling)),
        ("How it was chosen", _choice(result, trials)),
        ("Limits", _limits(about, result)),
        ("Ranges of the training data", _ranges(about, ranges, tables)),
        ("How to load it", _loading(about)),
        ("Software", _software(about, commit)),
    ]
    parts = [f"# {about['experiment']}: model card"]
    parts += [f"## {title}\n\n" + "\n".join(lines) for title, lines in sections]
    return "\n\n".join(parts) + "\n"


def _purpose(about: Mapping[str, Any]) -> Iterator[str]:
    target = about["target"]
    thresholds = " or ".join(about["metrics"])
    task = TASKS.get(target["kind"], OTHERWISE).format(threshold=thresholds)
    whose = "all grains of a microstructure" if target.get("grains") == ALL else "the candidate grain"
    yield f"Predicts {task}" + ("." if target["kind"] == LABEL else f", for {whose}, from the initial microstructure.")
    yield f"Model `{about['model']}` on the feature set `{about['feature_set']}`."
    if "aggregate" in target and target["kind"] != LABEL:
        soft = "; it learns the fraction of runs above the threshold" if target.get("soft") else ""
        yield f"Where a state has several growth runs, the target is their {target['aggregate']}{soft}."


def _data(about: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    yield f"- data set: `{about['dataset']}`, fingerprint of its features {about['fingerprint']}"
    for name, count in result.get("also_train_on", {}).items():
        yield f"- also trained on: `{name}`, {count} microstructures, which are in no validation and no test"
    folds = len(result["groups"])
    models = f"{folds} folds, each with a model of its own" if folds > 1 else "one fold"
    yield f"- split: `{about['split']}`, {models}"
    fold, counts = next(iter(result["groups"].items()))
    subsets = ", ".join(f"{count} {subset}" for subset, count in counts.items())
    yield f"- groups, each all that stems from one microstructure: {subsets} (fold {fold})"
    reading = (about["raw"] or {}).get("reading", {})
    if reading:
        hops = about["raw"]["hops"]
        seen = "whole graphs" if hops is None else f"the grains within {hops} hops of the candidate"
        yield f"- source of the raw data: `{reading['source']}`; the model sees {seen}"
    yield "- the licence of the data is that of their source; this file does not pass it on"


def _results(about: Mapping[str, Any], result: Mapping[str, Any], ceiling: Mapping[str, Any] | None) -> Iterator[str]:
    kind = about["target"]["kind"]
    for number, (threshold, outcome) in enumerate(result["thresholds"].items()):
        test, intervals = outcome["test"], outcome["test_interval"]
        said = f" at threshold {threshold}" if threshold else ""
        yield ("\n" if number else "") + (
            f"{test['count']} test predictions{said}, {outcome['test_groups']} groups; "
            f"intervals: 95 %, {outcome['interval_method']}."
        )
        yield from ("", "| metric | value | interval |", "|---|---|---|")
        for name in names(kind):
            yield f"| {METRICS[name].label} | {_number(test[name])} | {_between(intervals.get(name))} |"
        for name, value in test.items():
            if name.endswith(("majority_class_accuracy", "mean_prediction_mae")):
                yield f"| baseline: {name.replace('_', ' ')} | {_number(value)} | |"
        yield from _ceiling(kind, threshold, ceiling)
        if outcome["cautions"]:
            yield f"\n**Caution:** {'; '.join(outcome['cautions'])}."


def _ceiling(kind: str, threshold: str, ceiling: Mapping[str, Any] | None) -> Iterator[str]:
    """What any model can reach at best, where growth runs were repeated."""
    if ceiling is None:
        return
    if "why_none" in ceiling:
        yield f"\nNo noise ceiling: {ceiling['why_none']}."
        return
    of_run = ceiling["thresholds"].get(threshold, {}).get("single_run", {})
    if kind == GROWTH_RATIO:
        of_run = {"r2": ceiling["r2"]["single_run"]}
    found = [
        f"{METRICS[name].label} {_number(one['value'])}"
        f"{' (' + _between(one['interval']) + ')' if one['interval'] else ''}"
        for name, one in of_run.items()
        if name in METRICS
    ]
    if found:
        yield f"\nNoise ceiling, the best that any model can reach for a single growth run: {', '.join(found)}."


def _choice(result: Mapping[str, Any], trials: Sequence[Mapping[str, str]]) -> Iterator[str]:
    select = METRICS[result["select"]].label
    yield f"By {select} on validation data, among {len(trials)} trials, for each fold apart; test data chose nothing."
    if result.get("search"):
        each, pruned = result["search"]["trials"], sum(trial["pruned"] != "" for trial in trials)
        yield f"Each fold searched the ranges with {each} trials of its own; {pruned} of all ended early."
    for threshold, outcome in {} if result.get("search") else result["thresholds"].items():
        said = f" at threshold {threshold}" if threshold else ""
        chosen = list(outcome["chosen_by_fold"].values())
        trial = outcome["chosen_trial"]
        often = f"Most often{said}: `{trial}`, in {chosen.count(trial)} of {len(chosen)} folds."
        yield often if len(chosen) > 1 else f"Chosen{said}: `{trial}`."
    if result.get("ensemble"):
        yield f"Each is an ensemble of {result['ensemble']} members that differ by their seeds."


def _limits(about: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    yield f"- Tested on data set `{about['dataset']}` alone. Nothing is known of other materials, sizes or kinetics."
    yield "- Beyond the ranges below it extrapolates: `graincast predict` names what lies outside."
    if about["target"]["kind"] == ABNORMAL:
        scaled = any(about["calibration"].get(threshold) for threshold in result["thresholds"])
        stored = "; slope and intercept of a scaling on validation data are stored with it" if scaled else ""
        yield f"- Its probabilities are not scaled{stored}."
    yield "- Growth is stochastic: one growth run may end otherwise than even an exact probability suggests."
    if about["target"]["kind"] != LABEL:
        yield "- It learned from simulated or measured growth as the data set has it, and inherits its simplifications."
    if not about["raw"]:
        yield f"- It cannot read raw files, {about['why_not_raw']}."


def _ranges(
    about: Mapping[str, Any], ranges: Mapping[str, np.ndarray], tables: tuple[Features, Features]
) -> Iterator[str]:
    features = about["features"]
    if len(ranges["nodes"]) > MOST or about["network"]:
        yield f"{len(ranges['nodes'])} numbers of an image by the network `{about['network']}`; not listed."
        return
    yield from ("| feature | of | smallest | largest | unit |", "|---|---|---|---|---|")
    for of, key, known in (("grain", "nodes", tables[0]), ("boundary", "edges", tables[1])):
        for name, (low, high) in zip(features[key], ranges.get(key, []), strict=False):
            unit = known[name].unit if name in known else ""
            yield f"| {name} | {of} | {low:.6g} | {high:.6g} | {unit} |"
    low, high = ranges.get("spacing", (np.nan, np.nan))
    if np.isfinite([low, high]).all():
        yield f"\nDistance of neighbouring sites: {low:g} to {high:g} µm."


def _loading(about: Mapping[str, Any]) -> Iterator[str]:
    name = about["experiment"]
    several = len(about["metrics"]) > 1
    threshold = f", threshold={next(iter(about['metrics']))}" if several else ""
    option = f" --threshold {next(iter(about['metrics']))}" if several else ""
    yield "```sh"
    if about["raw"]:
        yield f"graincast predict --model {name} --data FOLDER --out FOLDER{option}"
    yield f"graincast explain --model {name} --out FOLDER{option}"
    yield "```"
    yield "```python"
    yield f'model = graincast.load("results/experiments/{name}/model.h5"{threshold})  # then model.predict(data)'
    if not about["not_served"]:
        suffix = f"-t{next(iter(about['metrics']))}" if next(iter(about["metrics"])) else ""
        yield f'model = mlflow.pyfunc.load_model("models:/graincast.{name}{suffix}@champion")  # the default prefix'
    yield "```"


def _software(about: Mapping[str, Any], commit: str) -> Iterator[str]:
    yield f"- graincast, MIT licence{f', commit {commit}' if commit else ''}"
    yield f"- predictions need {', '.join(about['requirements'])}"
    if about["extensions"]:
        yield f"- extensions: {', '.join(about['extensions'])}"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _between(interval: Sequence[float] | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
