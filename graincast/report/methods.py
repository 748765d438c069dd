"""A methods text with references, ready to paste into a paper, made of what really ran."""

from collections.abc import Mapping
from typing import Any

from graincast.evaluation.metrics import METRICS
from graincast.experiment import declaration
from graincast.experiment.targets import ALL, GROWTH_RATIO, LABEL
from graincast.microstructure import BadInput
from graincast.raw.sources import SOURCES
from graincast.report import words
from graincast.report.blocks import Note, Reference, Section, Text
from graincast.report.references import cited
from graincast.report.results import Results

AGGREGATED = {"mean": "mean", "median": "median", "min": "smallest", "max": "largest"}


def section(results: Results) -> Section:
    """Paragraphs on data, targets and splits, models, evaluation and software, and what they cite."""
    found = (_data(results), _tasks(results), _models(results), _evaluation(results), _software(results))
    paragraphs = [text for text in found if text]
    blocks: list = [
        Note("Made from the configurations and records of the results above; read it before you print it."),
        *map(Text, paragraphs),
        *(Reference(f"{text} ({key})", link) for key, text, link in cited(" ".join(paragraphs))),
    ]
    if not all(results.settings.values()):
        blocks.append(Note("Some configurations are not in these results; what only they say is missing here."))
    return Section("methods", "Methods, to paste into a paper", blocks)


def _data(results: Results) -> str:
    return " ".join(_data_set(results, name, results.about_dataset(name)) for name in results.datasets)


def _data_set(results: Results, name: str, about: Mapping[str, Any]) -> str:
    count, rejected = len(results.summary(name)), results.rejected(name)
    source = about.get("source")
    if source == "simulate":
        text = _simulated(name, count, about["simulate"])
    elif source == "regrow":
        growth = _growth(about.get("regrow", {}))
        text = f"Data set {name}: the microstructures of {about['from']} were grown again{growth}."
    elif source == "deepspparks-json":
        text = f"Data set {name}: {count:,} grain graphs in the DeepSPPARKS format (Cohn & Holm 2024)."
    elif source in SOURCES:
        many = f"{count:,} microstructures" if count else "data"
        text = f"Data set {name}: {many} read from {SOURCES[source].description}."
    else:
        text = f"Data set {name}: {count:,} microstructures."
    if about.get("hops") is not None:
        text += f" Each graph holds the grains within {words.several(about['hops'], 'hop')} of its candidate grain."
    if rejected:
        text += f" Of the input, {len(rejected):,} of {len(rejected) + count:,} were rejected as unusable."
    return text


def _simulated(name: str, count: int, settings: Mapping[str, Any]) -> str:
    size = settings["size"]
    sides = f"{size[0]} by {size[1]}" if isinstance(size, list) else f"{size} by {size}"
    if settings["mobility"] == "uniform":
        mobility = "all boundaries have mobility 1"
    else:
        red = settings["red_fraction"]
        share = f"{red[0]} to {red[1]}" if isinstance(red, list) else red
        mobility = (
            f"boundaries between the candidate grain and high-mobility grains, a fraction {share} of all, have "
            f"mobility 1, all others {settings.get('min_mobility', 1)}"
        )
    return (
        f"Data set {name}: {count:,} initial states of {sides} sites were simulated with a kinetic Monte Carlo Potts "
        f"model of candidate-grain growth (DeCost & Holm 2017); {mobility}. Each was grown"
        f"{_growth(settings.get('growth', {}))}."
    )


def _growth(settings: Mapping[str, Any]) -> str:
    parts = []
    if "runs" in settings:
        parts.append(f" in {words.several(settings['runs'], 'growth run')}")
    if "time" in settings:
        parts.append(f" for {settings['time']:,} Monte Carlo steps")
    if "temperature" in settings:
        parts.append(f" at a temperature of {settings['temperature']}")
    return "".join(parts)


def _tasks(results: Results) -> str:
    found: dict[str, None] = {}
    for one in results.experiments.values():
        found[_target(one["target"], [threshold for threshold in one["thresholds"] if threshold])] = None
        split = results.splits().get(one["split"], {})
        found[_split(one["split"], split)] = None
    return " ".join(text for text in found if text)


def _target(target: Mapping[str, Any], thresholds: list[str]) -> str:
    if target["kind"] == LABEL:
        return "The class of each image was predicted."
    grains = "each grain" if target.get("grains") == ALL else "the candidate grain"
    aggregate = AGGREGATED.get(target.get("aggregate", "mean"))
    if target["kind"] == GROWTH_RATIO:
        return f"The {aggregate} growth ratio of {grains} over its growth runs (final over initial area) was predicted."
    above = words.listed(thresholds)
    if aggregate is None:
        return (
            f"Growth of {grains} was called abnormal where the growth ratio (final over initial area) was above "
            f"{above} in more than {target.get('fraction', 0.5):.0%} of its growth runs."
        )
    each = "; each threshold was a task of its own" if len(thresholds) > 1 else ""
    return (
        f"Growth of {grains} was called abnormal where its {aggregate} growth ratio over growth runs (final over "
        f"initial area) was above {above}{each}."
    )


def _split(name: str, split: Mapping[str, Any]) -> str:
    groups = "All microstructures from one source are in the same subset."
    method = split.get("method")
    if method == "k-fold":
        repeats = f"{split['repeats']} times repeated " if split["repeats"] > 1 else ""
        strata = ", stratified by growth ratio" if split.get("stratify") else ""
        return (
            f"Split {name}: {repeats}{split['folds']}-fold cross-validation{strata}; of the data that a fold does not "
            f"test, a fraction {split['validation']} is for validation. {groups}"
        )
    if method == "fractions":
        train = round(1 - split["validation"] - split["test"], 6)
        return (
            f"Split {name}: random fractions of {train:g} for training, {split['validation']} for validation and "
            f"{split['test']} for the test. {groups}"
        )
    return f"Split {name}: as given in a table." if method == "file" else ""


def _models(results: Results) -> str:
    texts = []
    for model in dict.fromkeys(one["model"] for one in results.experiments.values()):
        experiments = {name: one for name, one in results.experiments.items() if one["model"] == model}
        features = dict.fromkeys(one["features"] for one in experiments.values())
        networks = dict.fromkeys(one["network"] for one in experiments.values() if one.get("network"))
        of_networks = f" ({words.listed(list(networks))}; Simonyan & Zisserman 2015)" if networks else ""
        what = f"features {words.listed(list(features))}{of_networks}"
        texts.append(f"Model {model}, on {what}: {_described(model)}")
    return " ".join(texts)


def _described(model: str) -> str:
    try:
        return declaration.read(model).description
    except BadInput:  # of an extension, which is not part of the results
        return "defined by an extension."


def _evaluation(results: Results) -> str:
    texts = []
    selects = {one["select"]: None for one in results.experiments.values()}
    best = words.listed(
        [f"{'largest' if METRICS[name].larger_is_better else 'smallest'} {METRICS[name].label}" for name in selects]
    )
    texts.append(
        f"In each fold, the trial with the {best} on the validation subset was chosen, and only this trial was "
        "measured on the test subset."
    )
    methods = " ".join(row.get("interval_method", "") for row in results.rows)
    if "bootstrap" in methods:
        texts.append(
            "Intervals hold 95 % and come from a bootstrap over groups, widened for few groups (Hesterberg 2015)."
        )
    if "corrected" in methods:
        texts.append(
            "Where folds repeat, 95 % intervals are those of the corrected resampled t (Nadeau & Bengio 2003)."
        )
    if any(row.get("difference") for row in results.rows):
        texts.append("Differences between experiments are paired on the same groups.")
    outcomes = [outcome for one in results.experiments.values() for outcome in one["thresholds"].values()]
    if any(outcome.get("calibration") for outcome in outcomes):
        texts.append(
            "Probabilities were also calibrated on the validation subset (Platt 1999), and measured once more."
        )
    if any(row.get("ceiling") for row in results.rows):
        texts.append(
            "The noise ceiling, the best that any model of the initial state can reach, follows from a beta-binomial "
            "fit to the growth runs of each state (Skellam 1948)."
        )
    return " ".join(texts)


def _software(results: Results) -> str:
    packages, models = results.packages(), {one["model"] for one in results.experiments.values()}
    used = []
    for name, label in (
        ("torch", "PyTorch {} (Paszke et al. 2019)"),
        ("torch-geometric", "PyTorch Geometric {} (Fey & Lenssen 2019)"),
        ("scikit-learn", "scikit-learn {} (Pedregosa et al. 2011)"),
    ):
        if name in packages:
            used.append(label.format(" and ".join(packages[name])))
    trained = " Networks were trained with Adam (Kingma & Ba 2015)." if models & {"sgc", "gat", "gin"} else ""
    commits = [commit.split(",")[0][:12] for commit in results.commits()]
    which = f" (commit {words.listed(commits)})" if commits else ""
    text = f"Everything ran in the Snakemake workflow graincast{which} (Mölder et al. 2021)"
    return f"{text}, with {words.listed(used)}.{trained}" if used else f"{text}.{trained}"
