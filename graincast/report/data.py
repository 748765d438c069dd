"""The data sets: what was read and rejected, growth ratios, classes, grain sizes, microstructures, trajectories."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from graincast.experiment import targets
from graincast.experiment.grid import number
from graincast.experiment.splits import SUBSETS
from graincast.experiment.targets import ABNORMAL, CANDIDATE, LABEL
from graincast.figures import ceiling as ceiling_figure
from graincast.figures import dataset as draw
from graincast.figures.reliability import wilson
from graincast.files import csv_table
from graincast.microstructure import HIGH_MOBILITY, LOW_MOBILITY, Microstructure
from graincast.report import microstructures, words
from graincast.report.blocks import Note, Section, Table, Text, chart, photograph
from graincast.report.results import Results

SAMPLE = 40
"""Microstructures that grain sizes and trajectories are drawn of."""
SHOWN = 3
"""Microstructures of each type that are drawn."""
MOST_REJECTED = 30
"""Rejected files that are listed."""


def section(results: Results) -> Section:
    """A part for each data set."""
    parts = [_of(results, name) for name in results.datasets]
    return Section("data", "Data sets", [], parts)


def _of(results: Results, name: str) -> Section:
    rows = results.summary(name)
    blocks: list = [_facts(results, name, rows)]
    ratios = {row["microstructure"]: growth_ratios(row) for row in rows}
    grown = {key: values for key, values in ratios.items() if values.size}
    thresholds = _thresholds(results, name)
    if grown:
        blocks += _growth(name, grown, [threshold for threshold, *_ in thresholds])
        blocks += _balance(results, name, rows, grown, thresholds)
    elif rows:
        blocks.append(Note("No growth ratios: the data set has no growth runs."))
    if results.shards(name):
        largest = max((threshold for threshold, *_ in thresholds), default=None)
        blocks += _microstructures(results, name, grown or ratios, largest)
    elif rows:
        blocks.append(Note("No pictures of microstructures: the grain graphs (graphs/*.h5) are not in these results."))
    blocks += _classes(results, name) + _ceiling(results, name) + _rejected(results, name)
    return Section(f"data-{name}", name, blocks)


def growth_ratios(row: Mapping[str, str]) -> np.ndarray:
    """The growth ratios of the candidate grain in a row of summary.csv, float64 [runs]."""
    return np.array([float(value) for key, value in row.items() if key.startswith("cgr_") and value])


def _facts(results: Results, name: str, rows: Sequence[Mapping[str, str]]) -> Table:
    about, rejected = results.about_dataset(name), results.rejected(name)
    facts = [("source", about.get("source", "not known"))]
    if rows:
        grains = np.array([int(row["grains"]) for row in rows])
        runs = np.array([growth_ratios(row).size for row in rows])
        facts.append(("microstructures", f"{len(rows):,}"))
        groups = len({row.get("group", row["microstructure"]) for row in rows})
        if groups != len(rows):
            facts.append(("groups (sources)", f"{groups:,}"))
        facts.append(("growth runs", f"{runs.sum():,} in all, {_range(runs)} for each microstructure"))
        facts.append(("grains in a graph", f"{_range(grains)}, median {np.median(grains):g}"))
    if about.get("hops") is not None:
        facts.append(("graph", f"grains within {words.several(about['hops'], 'hop')} of the candidate grain"))
    if rejected is not None:
        facts.append(("rejected", words.rejected(len(rejected), len(rows))))
    fingerprints = {
        one["fingerprint"]: one["features"] for one in results.experiments.values() if one["dataset"] == name
    }
    facts += [(f"fingerprint of {features}", fingerprint) for fingerprint, features in fingerprints.items()]
    return Table(f"Data set {name}.", ("", ""), facts)


def _range(values: np.ndarray) -> str:
    low, high = values.min(), values.max()
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _thresholds(results: Results, name: str) -> list[tuple[float, str, float]]:
    """Threshold, aggregate and fraction of the experiments on the candidates' growth."""
    found = set()
    for one in results.experiments.values():
        target = one["target"]
        if one["dataset"] == name and target["kind"] == ABNORMAL and target.get("grains") == CANDIDATE:
            about = target.get("aggregate", "mean"), target.get("fraction", 0.5)
            found |= {(float(threshold), *about) for threshold in one["thresholds"]}
    return sorted(found)


def _growth(name: str, ratios: Mapping[str, np.ndarray], thresholds: list[float]) -> list:
    values = np.concatenate(list(ratios.values()))
    distinct = sorted(set(thresholds))
    above = [f"{np.mean(values > threshold):.0%} lie above {threshold:g}" for threshold in distinct]
    text = (
        f"Distribution of {values.size:,} growth ratios of candidate grains, from {values.min():.2g} to "
        f"{values.max():.3g}, median {np.median(values):.2g}"
    )
    figure = draw.growth_ratios(values, distinct, f"{name}: {words.several(values.size, 'growth run')}")
    if not above:
        return [chart(figure, f"{text}.")]
    return [chart(figure, f"{text}; {words.listed(above)}.", "Lines mark the thresholds of experiments.")]


def _balance(
    results: Results,
    name: str,
    rows: Sequence[Mapping[str, str]],
    ratios: Mapping[str, np.ndarray],
    thresholds: Sequence[tuple[float, str, float]],
) -> list:
    """The classes at each threshold, in all and in the subsets of splits that are not folds."""
    if not thresholds:
        return []
    splits = [split for split in results.splits() if rows and split in rows[0]]
    header = ["abnormal is", "microstructures", "normal", "abnormal", "fraction abnormal (95 % interval)"]
    header += [f"{split}: {subset}" for split in splits for subset in SUBSETS]
    inside = [row for row in rows if row["microstructure"] in ratios]
    lines = []
    for threshold, aggregate, fraction in thresholds:
        abnormal = targets.labels([ratios[row["microstructure"]] for row in inside], threshold, aggregate, fraction)
        count, part = int(abnormal.sum()), float(abnormal.mean())
        low, high = wilson(part, abnormal.size)
        cells = [
            f"{abnormal.size:,}",
            f"{abnormal.size - count:,}",
            f"{count:,}",
            f"{part:.1%} ({low:.1%} to {high:.1%})",
        ]
        for split in splits:
            subset = np.array([row[split] for row in inside])
            cells += [f"{abnormal[subset == one].sum()} of {(subset == one).sum()}" for one in SUBSETS]
        lines.append([_rule(threshold, aggregate, fraction), *cells])
    return [Table("Class balance: abnormal microstructures at each threshold.", header, lines, range(1, len(header)))]


def _classes(results: Results, name: str) -> list:
    """How many images of each class there are, by the predictions of the first experiment on them."""
    for experiment, one in results.experiments.items():
        path = results.experiment(experiment) / "predictions.csv"
        if one["dataset"] == name and one["target"]["kind"] == LABEL and path.is_file():
            true = {row["microstructure"]: int(row["class_index"]) for row in csv_table.records(path)}
            counts = Counter(true.values())
            lines = [(label, f"{counts[index]:,}") for index, label in enumerate(one["classes"])]
            return [Table("Class balance: images of each class.", ("class", "images"), lines, (1,))]
    return []


def _rule(threshold: float, aggregate: str, fraction: float) -> str:
    if aggregate == "fraction":
        return f"more than {fraction:.0%} of the runs above {number(threshold)}"
    return f"{aggregate} growth ratio above {number(threshold)}"


def _microstructures(results: Results, name: str, ratios: Mapping[str, np.ndarray], threshold: float | None) -> list:
    paths = results.shards(name)
    ordered = sorted(ratios, key=lambda one: (ratios[one].mean() if ratios[one].size else 0, one))
    sample = microstructures.read(paths, microstructures.spread(ordered, SAMPLE))
    split = sum(bool(ratios[one].size) and ratios[one].mean() > threshold for one in ordered) if threshold else 0
    types = {"normal growth": ordered[: len(ordered) - split], "abnormal growth": ordered[len(ordered) - split :]}
    if threshold is None:
        types = {"": ordered}
    chosen = {heading: microstructures.spread(names, SHOWN) for heading, names in types.items() if names}
    maps = microstructures.read(paths, [one for names in chosen.values() for one in names])
    rows = [
        (heading, [(maps[one], f"{words.short(one)}\n{_grown(ratios[one])}") for one in names if one in maps])
        for heading, names in chosen.items()
    ]
    rows = [(heading, of_row) for heading, of_row in rows if of_row]
    blocks = _sizes(name, list(sample.values())) + _trajectories(name, list(sample.values()), threshold)
    if rows:
        shown = [
            words.several(len(of_row), "microstructure") + (f" with {heading}" if heading else "")
            for heading, of_row in rows
        ]
        of_threshold = f"Abnormal: mean growth ratio above {threshold:g}. " if threshold else ""
        text = f"Initial states of {words.listed(shown)} of {name}, the candidate grain in the middle."
        caption = (
            f"{of_threshold}Examples are spread evenly over the growth ratios{' of their type' * (len(rows) > 1)}."
        )
        blocks.append(photograph(draw.gallery(rows, ""), text, caption))
        text = "The same initial states with their grain graphs: a node for each grain, an edge for each boundary."
        blocks.append(photograph(draw.gallery(rows, "", graph=True), text, text))
    return blocks


def _grown(ratios: np.ndarray) -> str:
    return (
        "growth ratio " + ", ".join(f"{ratio:.1f}" for ratio in ratios[:4]) + (", …" if ratios.size > 4 else "")
        if ratios.size
        else ""
    )


def _sizes(name: str, sample: Sequence[Microstructure]) -> list:
    diameter: dict[int, list[np.ndarray]] = {LOW_MOBILITY: [], HIGH_MOBILITY: []}
    for one in sample:
        relative = np.sqrt(one.area / one.mean_area)
        for kind, values in diameter.items():
            values.append(relative[one.grain_type == kind])
    joined = {kind: np.concatenate(values) for kind, values in diameter.items() if values}
    count = sum(values.size for values in joined.values())
    if not count:
        return []
    figure = draw.grain_sizes(joined, f"{name}: grain sizes in {words.several(len(sample), 'initial state')}")
    text = f"Distribution of {count:,} equivalent diameters over that of a grain of mean area, by grain type."
    return [chart(figure, text)]


def _trajectories(name: str, sample: Sequence[Microstructure], threshold: float | None) -> list:
    growth = [
        (time, area[:, one.candidate_index] / area[0, one.candidate_index])
        for one in sample
        for time, area in zip(one.times[:1], one.areas[:1], strict=True)
    ]
    if not growth:
        return []
    records = max(time.size for time, _ in growth)
    title = f"{name}: growth of {words.several(len(growth), 'candidate grain')}, first run of each"
    text = f"Area over initial area of {len(growth)} candidate grains against time, {records} records at most."
    few = "Only the first and the last state are stored, so lines are straight." if records == 2 else ""
    return [chart(draw.trajectories(growth, threshold, title), text, few)]


def _ceiling(results: Results, name: str) -> list:
    found = results.ceiling(name)
    if found is None:
        return []
    if "why_none" in found:
        return [Note(f"No noise ceiling: {found['why_none']}.")]
    if not found["thresholds"]:
        best = found["r2"]["single_run"]["value"]
        return [
            Text(f"Noise ceiling: no model of the initial state can reach an R² above {best:.3f} for one growth run.")
        ]
    best = [
        f"{of['single_run']['accuracy']['value']:.3f} above {threshold}"
        for threshold, of in found["thresholds"].items()
    ]
    text = f"Noise ceiling of {name}: the best possible accuracy for one growth run is {words.listed(best)}."
    return [chart(ceiling_figure.ceiling(found), text, text, wide=True)]


def _rejected(results: Results, name: str) -> list:
    rejected = results.rejected(name)
    if rejected is None:
        return [Note("The list of rejected input is not in these results.")]
    if not rejected:
        return [Text("No input was rejected.")]
    more = len(rejected) - MOST_REJECTED
    blocks: list = [Table("Rejected input, with reasons.", ("file", "reason"), rejected[:MOST_REJECTED])]
    if more > 0:
        reasons = Counter(reason for _, reason in rejected[MOST_REJECTED:]).most_common(5)
        kinds = "; ".join(f"{count} times {reason}" for reason, count in reasons)
        blocks.append(Note(f"{more} more are in datasets/{name}/rejected.csv: {kinds}"))
    return blocks
