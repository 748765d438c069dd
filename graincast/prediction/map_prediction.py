"""A trained model applied to maps: the prediction of each candidate, its spread over the ensemble, and flags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graincast.features import named
from graincast.features.table import FeatureTable
from graincast.microstructure import BadInput, Microstructure
from graincast.prediction import fit, raw_files
from graincast.prediction.columns import OUTPUT
from graincast.prediction.frames import of_graphs
from graincast.prediction.trained_model import TrainedModel
from graincast.raw import reading

SMALL = 10
"""Sites below which a grain's shape says little."""


@dataclass(frozen=True)
class MapPrediction:
    """The predictions for c candidates of a map.

    map       the map, with its first candidate
    names     of the candidates
    node      int64 [c], node indices of the candidates
    value     float64 [c], probability of abnormal growth, or growth ratio: the mean over the ensemble
    spread    float64 [c], standard deviation over the ensemble; 0 for a single model
    column    name of the value
    flags     {name: bool [c]}: border (cut off by the map's border), small (below SMALL sites), outside (a feature lies
              outside its range in training)
    warnings  where the map lies outside the model's training data
    """

    map: Microstructure
    names: list[str]
    node: np.ndarray
    value: np.ndarray
    spread: np.ndarray
    column: str
    flags: dict[str, np.ndarray]
    warnings: list[str]


def check_model(model: TrainedModel) -> None:
    """Raise BadInput for a model that cannot predict the candidates of maps."""
    about = model.about
    if not about["raw"]:
        raise BadInput(f"this model cannot read raw files, {about['why_not_raw']}")
    if about["target"].get("grains") == "all":
        raise BadInput(
            "this model predicts all grains of a microstructure at once, not candidates; train one that does"
        )


def of_run(
    model: TrainedModel, path: Path, name: str, settings: Mapping[str, Any], extensions: Sequence[Path] = ()
) -> MapPrediction:
    """The predictions for one run of a source. Raises BadInput where it cannot be used or does not fit the model.

    settings  source and keys of a data set
    """
    return of_samples(model, reading.read(path, name, settings), extensions)


def of_samples(
    model: TrainedModel, samples: Sequence[Microstructure], extensions: Sequence[Path] = ()
) -> MapPrediction:
    """The predictions for the candidates of one map."""
    whole, tables = samples[0], named.tables(extensions)
    _, table = graphs_of(model, samples, extensions)
    by_fold = model.by_fold(table)
    node = np.array([sample.candidate_index for sample in samples])
    return MapPrediction(
        map=whole,
        names=[sample.name for sample in samples],
        node=node,
        value=by_fold.mean(axis=0),
        spread=by_fold.std(axis=0),
        column=OUTPUT[model.about["target"]["kind"]],
        flags={
            "border": whole.border[node],
            "small": whole.area[node] < SMALL,
            "outside": fit.outside(table, model.ranges),
        },
        warnings=list(fit.warnings(table, model.ranges, tables)),
    )


def graphs_of(
    model: TrainedModel, samples: Sequence[Microstructure], extensions: Sequence[Path] = ()
) -> tuple[list[Microstructure], FeatureTable]:
    """The graphs of the candidates of a map as the model takes them, and their table, in the order of the samples.

    Raises BadInput where the map does not fit the model.
    """
    raw, tables = model.about["raw"], named.tables(extensions)
    nodes, edges = raw["nodes"], raw["edges"]
    spacing = model.ranges.get("spacing", np.full(2, np.nan))
    fit.check_spacing(samples[0], spacing, [*nodes, *edges], tables)
    graphs = raw_files.subgraphs(samples, raw["hops"])
    return graphs, of_graphs(raw_files.rows_of(samples[0], graphs, raw, tables), nodes, edges)
