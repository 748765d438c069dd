"""A methods text with references, ready to paste into a paper, made of what really ran."""

from collections.abc import Mapping
from typing import Any

from graincast.evaluation.metrics import METRICS
from graincast.experiment import declaration
from graincast.experiment.targets import ALL, CANDIDATE, GROWTH_RATIO, LABEL
from graincast.microstructure import BadInput
from graincast.raw.sources import SOURCES
from graincast.report import words
from graincast.report.blocks import Note, Reference, Section, Text
from graincast.report.references import cited
from graincast.report.results import Results

AGGREGATED = {"mean": "the mean", "median": "the median", "min": "the smallest", "max": "the largest"}
MOST_COLUMNS = 12
"""Features that are named one by one."""


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
        parts.append(f" of {settings['time']:,} Monte Carlo steps")
    if "temperature" in settings:
        parts.append(f" at a temperature of {settings['temperature']}")
    return "".join(parts)


def _tasks(results: Results) -> str:
    thresholds: dict[tuple[str, str, str, float], dict[str, set[str]]] = {}
    for one in results.experiments.values():
        target = one["target"]
        how = (
            target["kind"],
            target.get("grains", CANDIDATE),
            target.get("aggregate", "mean"),
            target.get("fraction", 0.5),
        )
        of_dataset = thresholds.setdefault(how, {})
        of_dataset.setdefault(one["dataset"], set()).update(one["thresholds"])
    targets = [_target(*how, of_dataset) for how, of_dataset in thresholds.items()]
    used = dict.fromkeys(one["split"] for one in results.experiments.values())
    splits = [text for name in used if (text := _split(name, results.splits().get(name, {})))]
    added = []
    for name, one in results.experiments.items():
        others = [f"{count} microstructures of {other}" for other, count in one.get("also_train_on", {}).items()]
        added += [f"{name} was also trained on {words.listed(others)}."] if others else []
    return " ".join([*targets, *splits, "All microstructures from one source are in the same subset.", *added])


def _target(kind: str, grains: str, aggregate: str, fraction: float, thresholds: Mapping[str, set[str]]) -> str:
    if kind == LABEL:
        return "The class of each image was predicted."
    whose = "each grain" if grains == ALL else "the candidate grain"
    ratio = "growth ratio (final over initial area)"
    if kind == GROWTH_RATIO:
        return f"The {ratio} of {whose}, {AGGREGATED.get(aggregate, aggregate)} over its growth runs, was predicted."
    above = [f"{words.listed(sorted(of, key=float))} (data set {dataset})" for dataset, of in thresholds.items()]
    each = "; each threshold is a task of its own" if sum(map(len, thresholds.values())) > 1 else ""
    if aggregate == "fraction":
        runs = f"in more than {fraction:.0%} of its growth runs"
        return f"Growth of {whose} was called abnormal where its {ratio} was above {words.listed(above)} {runs}{each}."
    return (
        f"Growth of {whose} was called abnormal where its {ratio}, {AGGREGATED[aggregate]} over its growth runs, was "
        f"above {words.listed(above)}{each}."
    )


def _split(name: str, split: Mapping[str, Any]) -> str:
    method, share = split.get("method"), split.get("train_fraction", 1)
    learned = f" Of the training data {share:g} was used." if share < 1 else ""
    if method == "k-fold":
        repeats = f"{split['repeats']} times repeated " if split["repeats"] > 1 else ""
        strata = ", stratified by growth ratio" if split.get("stratify") else ""
        return (
            f"Split {name}: {repeats}{split['folds']}-fold cross-validation{strata}; of the data that a fold does not "
            f"test, a fraction {split['validation']} is for validation.{learned}"
        )
    if method == "fractions":
        train = round(1 - split["validation"] - split["test"], 6)
        return (
            f"Split {name}: random fractions of {train:g} for training, {split['validation']} for validation and "
            f"{split['test']} for the test.{learned}"
        )
    return f"Split {name}: as given in a table." if method == "file" else ""


def _models(results: Results) -> str:
    of_set = {one["features"]: name for name, one in results.experiments.items()}
    texts = [f"The features are {words.listed([_features(results, name) for name in of_set.values()])}."]
    for model in dict.fromkeys(one["model"] for one in results.experiments.values()):
        features = dict.fromkeys(one["features"] for one in results.experiments.values() if one["model"] == model)
        texts.append(f"Model {model}, on {words.listed(list(features))}: {_described(model)}")
    return " ".join(texts)


def _features(results: Results, name: str) -> str:
    """The features of an experiment, and what they are."""
    one, settings = results.experiments[name], results.settings[name]
    features, columns = one["features"], [column.replace("_", " ") for column in one.get("columns") or []]
    if one.get("network"):
        return f"{features} ({one['network']}; Simonyan & Zisserman 2015)"
    if encoded := settings.get("encoded_sets", {}).get(features):
        return f"{features} (codes of grain and boundary patches by {encoded['encoder']})"
    return f"{features} ({', '.join(columns)})" if 0 < len(columns) <= MOST_COLUMNS else features


def _described(model: str) -> str:
    try:
        return declaration.read(model).description
    except BadInput:  # of an extension, which is not part of the results
        return "defined by an extension."


def _evaluation(results: Results) -> str:
    texts = []
    selects = dict.fromkeys(one["select"] for one in results.experiments.values())
    best = [
        f"the {'largest' if METRICS[name].larger_is_better else 'smallest'} {METRICS[name].label}" for name in selects
    ]
    score = best[0] if len(best) == 1 else f"the best score, by experiment {', '.join(best[:-1])} or {best[-1]},"
    texts.append(
        f"In each fold, the trial with {score} on the validation subset was chosen, and only this trial was measured "
        "on the test subset."
    )
    if searched := [name for name, one in results.experiments.items() if one.get("search")]:
        counts = sorted({results.experiments[name]["search"]["trials"] for name in searched})
        texts.append(
            f"The trials of {words.listed(searched)} came from a search of ranges, with "
            f"{words.listed([str(count) for count in counts])} trials in each fold, by a tree-structured Parzen "
            "estimator (Bergstra et al. 2011) in Optuna (Akiba et al. 2019)."
        )
    methods = " ".join(row.get("interval_method", "") for row in results.rows)
    if "bootstrap" in methods:
        texts.append("95 % intervals come from a bootstrap over groups, widened for few groups (Hesterberg 2015).")
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
    commits = dict.fromkeys(commit.split(",")[0][:12] for commit in results.commits())
    which = f" (commit {words.listed(list(commits))})" if commits else ""
    text = f"Everything ran in the Snakemake workflow graincast{which} (Mölder et al. 2021)"
    return f"{text}, with {words.listed(used)}.{trained}" if used else f"{text}.{trained}"
