"""Best and worst predictions, as pictures of the microstructures, for the leader of each task."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from graincast.evaluation import test_data
from graincast.evaluation.examples import Example, best_and_worst
from graincast.experiment.targets import ABNORMAL, LABEL
from graincast.figures import attribution_map
from graincast.figures import dataset as draw
from graincast.files import csv_table
from graincast.microstructure import Microstructure
from graincast.report import microstructures, words
from graincast.report.blocks import Note, Section, Text, photograph
from graincast.report.results import Results

SHOWN = 3


def section(results: Results) -> Section:
    """A part for each task."""
    text = (
        "For the leader of each task, the test microstructures whose predictions are nearest to what happened, and "
        "those whose predictions are furthest from it. Predictions of several folds are averaged."
    )
    parts = []
    for number, rows in enumerate(results.tasks, 1):
        title = f"{rows[0]['dataset']}, {results.task(rows[0])}: {rows[0]['experiment']}"
        parts.append(Section(f"examples-{number}", title, _of(results, rows[0])))
    return Section("examples", "Best and worst predictions", [Text(text)], parts)


def _of(results: Results, row: dict[str, str]) -> list:
    predictions = results.experiment(row["experiment"]) / "predictions.csv"
    paths = results.shards(row["dataset"])
    if row["target"] == LABEL:
        return [Note("No pictures: the labelled images themselves are not among the results.")]
    if not predictions.is_file() or not paths:
        return [Note("No pictures: predictions.csv or the grain graphs are not in these results.")]
    tested = test_data.read(predictions, row["threshold"])
    if any(tested.grain):
        return [Note("No pictures: this experiment predicts every grain, not one for each microstructure.")]
    rows = list(zip(("best", "worst"), best_and_worst(tested, SHOWN), strict=True))
    maps = microstructures.read(paths, [one.name for _, chosen in rows for one in chosen])

    def said(one: Example) -> str:
        if row["target"] == ABNORMAL:
            return f"{'abnormal' if one.true > 0.5 else 'normal'}; probability {one.predicted:.2f}"
        return f"growth ratio {one.true:.2f}; predicted {one.predicted:.2f}"

    drawn = [
        (
            f"{heading} predictions",
            [(maps[one.name], f"{words.short(one.name)}\n{said(one)}") for one in chosen if one.name in maps],
        )
        for heading, chosen in rows
    ]
    drawn = [(heading, of_row) for heading, of_row in drawn if of_row]
    if not drawn:
        return [
            Note("No pictures: the grain graphs in these results do not hold the microstructures that were tested.")
        ]
    text = "; ".join(
        f"{heading}: {_in_words([one.name for one in chosen], [said(one) for one in chosen])}"
        for heading, chosen in rows
    )
    gallery = photograph(draw.gallery(drawn, ""), f"Initial states of {row['experiment']}. {text}.")
    there = [(one, f"{words.short(one.name)}: {said(one)}") for _, chosen in rows for one in chosen if one.name in maps]
    return [gallery, *_explained(results, row, maps, there)]


def _explained(
    results: Results, row: dict[str, str], maps: Mapping[str, Microstructure], there: Sequence[tuple[Example, str]]
) -> list:
    """What drove these predictions, where that was measured."""
    name = row["experiment"]
    found = _attributions(results.explanation(name) / "examples.csv", row["threshold"])
    if not found:
        remedy = f"{results.to_explain(name)}, for models that it can attribute."
        return [Note(f"What drove these predictions is shown after: {remedy}")]
    unit = "logit of abnormal growth" if row["target"] == ABNORMAL else "growth ratio"
    drawn: list = [Text(f"What each grain and each feature added to the {unit}, starting from average grains.")]
    for one, said in there:
        if one.name in found:
            baseline, output, of_grain, features = found[one.name]
            microstructure = maps[one.name]
            added = np.array([of_grain.get(grain, 0.0) for grain in range(microstructure.grain_id.size)])
            most = max(features, key=lambda feature: abs(features[feature]))
            figure = attribution_map.figure(
                microstructure, added, features, title=said, unit=unit, baseline=baseline, output=output
            )
            drawn.append(photograph(figure, f"What drove the prediction for {said}: most of all {most}."))
    return drawn


def _attributions(path: Path, threshold: str) -> dict[str, tuple[float, float, dict[int, float], dict[str, float]]]:
    """{microstructure: (baseline, output, {grain: added}, {feature: added})}; empty without the file."""
    found: dict[str, tuple[float, float, dict[int, float], dict[str, float]]] = {}
    for row in csv_table.records(path) if path.is_file() else ():
        if row["threshold"] == threshold:
            new: tuple = (float(row["baseline"]), float(row["output"]), {}, {})
            _, _, of_grain, features = found.setdefault(row["microstructure"], new)
            grain, feature, value = int(row["grain"]), row["feature"], float(row["attribution"])
            of_grain[grain] = of_grain.get(grain, 0.0) + value
            features[feature] = features.get(feature, 0.0) + value
    return found


def _in_words(names: Sequence[str], said: Sequence[str]) -> str:
    return ", ".join(f"{name} ({words_of})" for name, words_of in zip(names, said, strict=True))
