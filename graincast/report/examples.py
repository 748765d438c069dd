"""Best and worst predictions, as pictures of the microstructures, for the leader of each task."""

from collections.abc import Sequence

import numpy as np

from graincast.evaluation import test_data
from graincast.experiment.targets import ABNORMAL, LABEL
from graincast.figures import dataset as draw
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
    names, index = np.unique(tested.microstructure.astype(str), return_inverse=True)
    count = np.bincount(index)
    true, predicted = (np.bincount(index, values) / count for values in (tested.true, tested.predicted))
    order = np.argsort(np.abs(predicted - true), kind="stable")
    rows = [("best", order[:SHOWN]), ("worst", order[::-1][: max(0, min(SHOWN, len(order) - SHOWN))])]
    maps = microstructures.read(paths, [names[i] for _, chosen in rows for i in chosen])

    def said(i: int) -> str:
        if row["target"] == ABNORMAL:
            return f"{'abnormal' if true[i] > 0.5 else 'normal'}; probability {predicted[i]:.2f}"
        return f"growth ratio {true[i]:.2f}; predicted {predicted[i]:.2f}"

    drawn = [
        (
            f"{heading} predictions",
            [(maps[names[i]], f"{words.short(str(names[i]))}\n{said(i)}") for i in chosen if names[i] in maps],
        )
        for heading, chosen in rows
    ]
    drawn = [(heading, of_row) for heading, of_row in drawn if of_row]
    if not drawn:
        return [
            Note("No pictures: the grain graphs in these results do not hold the microstructures that were tested.")
        ]
    text = "; ".join(
        f"{heading}: {_in_words([names[i] for i in chosen], [said(i) for i in chosen])}" for heading, chosen in rows
    )
    return [photograph(draw.gallery(drawn, ""), f"Initial states of {row['experiment']}. {text}.")]


def _in_words(names: Sequence[str], said: Sequence[str]) -> str:
    return ", ".join(f"{name} ({words_of})" for name, words_of in zip(names, said, strict=True))
