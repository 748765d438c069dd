"""What drove the best and the worst test predictions of an experiment, each by the models that did not learn it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from graincast.evaluation import test_data
from graincast.evaluation.examples import best_and_worst
from graincast.explanation import by_model
from graincast.features.table import FeatureTable
from graincast.prediction.trained_model import TrainedModel

FILE = "examples.csv"
COUNT = 3
"""Of the best, and of the worst."""
HEADER = ("threshold", "microstructure", "baseline", "output", "grain", "feature", "attribution")


def rows(
    model: TrainedModel,
    data: FeatureTable,
    subsets: Mapping[str, np.ndarray],
    predictions: Path,
    threshold: str,
    extensions: Sequence[Path] = (),
) -> list[tuple]:
    """Rows of examples.csv: what each feature of each grain added to a prediction; a grain is its index in the graph.

    subsets      {fold: subset of each microstructure, str [g]}
    predictions  the experiment's predictions.csv
    Raises BadInput where the model's predictions cannot be attributed.
    """
    best, worst = best_and_worst(test_data.read(predictions, threshold), COUNT)
    place = {name: i for i, name in enumerate(data.name)}
    found = []
    for example in (*best, *worst):
        inside = np.arange(len(data.name)) == place[example.name]
        folds = [fold for fold, subset in subsets.items() if subset[place[example.name]] == "test"]
        explained = by_model.attribute(model, data.selected(inside), extensions, folds)
        numbers = (f"{value:.9g}" for value in (explained.baseline[0], explained.output[0]))
        about = (threshold, example.name, *numbers)
        found += [
            (*about, grain, explained.columns[column], f"{explained.nodes[grain, column]:.9g}")
            for grain, column in np.argwhere(explained.nodes != 0).tolist()
        ]
    return found
