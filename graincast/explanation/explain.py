"""Explanations of a trained model's predictions for the maps of a folder.

The folder that is written holds

    explained.csv       one row per candidate: prediction, what is explained (output), baseline, sum of attributions
    attributions.csv    one row per grain and feature that bears on a candidate's prediction
    rejected.csv        what could not be used, and why
    CANDIDATE.png       for the first DRAWN candidates, the map coloured by what each grain added, and the features
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graincast.experiment.targets import ABNORMAL
from graincast.explanation import by_model
from graincast.explanation.attributions import Attributions
from graincast.figures import attribution_map
from graincast.figures.style import save
from graincast.files import csv_table
from graincast.files.atomic import whole
from graincast.graphs.k_hop_subgraph import hop_distance
from graincast.microstructure import Microstructure
from graincast.prediction import map_prediction, runs, trained_model
from graincast.prediction.columns import OUTPUT
from graincast.prediction.trained_model import TrainedModel
from graincast.raw import reading

KIND = "an explanation"
"""What its folder holds, for messages."""
DRAWN = 50
"""The most candidates that are drawn."""
TABLE, EXPLAINED, REJECTED = "attributions.csv", "explained.csv", "rejected.csv"
HEADER = ("microstructure", "map", "candidate", "grain", "hops", "feature", "value", "attribution")
UNITS = {ABNORMAL: "logit of abnormal growth"}


def explain(
    model_file: Path,
    data: Path,
    settings: Mapping[str, Any] | None,
    out: Path,
    threshold: float | None = None,
    extensions: Sequence[Path] = (),
) -> None:
    """Explain the predictions for all runs of a source at or below a path, and write the folder whole.

    settings  source and keys of a data set; None: those of the model's training data
    Raises BadInput where no run can be used, or the model's predictions cannot be attributed.
    """
    model = trained_model.load(model_file, threshold, extensions)
    map_prediction.check_model(model)
    by_model.method(model.about["model"], extensions)
    settings = settings or model.about["raw"]["reading"]
    found = runs.found(data, settings)
    runs.check_folder(out, TABLE, KIND)
    rejected: list[tuple[str, str]] = []
    rows: list[tuple] = []
    summary: list[tuple] = []

    def read(path: Path, name: str) -> tuple[list[Microstructure], list[Microstructure], Any]:
        samples = reading.read(path, name, settings)
        return samples, *map_prediction.graphs_of(model, samples, extensions)

    with whole(out) as folder:
        folder.mkdir()
        for _, (samples, graphs, table) in runs.each(found, data, "explain", read, rejected):
            attributed = by_model.attribute(model, table, extensions)
            predicted = model.by_fold(table).mean(axis=0)
            values = values_of(table, attributed)
            for i, (sample, graph) in enumerate(zip(samples, graphs, strict=True)):
                part = slice(*attributed.node_ptr[i : i + 2])
                if len(summary) < DRAWN:
                    drawn = _figure(model, sample, graph, attributed, i, float(predicted[i]))
                    save(drawn, folder / f"{sample.name.replace('/', '_')}.png")
                rows += _rows(sample, graph, attributed.columns, values[part], attributed.nodes[part])
                summary.append(_summary(sample, attributed, i, float(predicted[i])))
        csv_table.write(folder / TABLE, HEADER, rows)
        column = OUTPUT[model.about["target"]["kind"]]
        names = ("microstructure", "map", "grain", column, "output", "baseline", "attributions", "residual")
        csv_table.write(folder / EXPLAINED, (*names, "complete"), summary)
        csv_table.write(folder / REJECTED, ["file", "reason"], rejected)
    _say(summary, len(found) - len(rejected), len(rejected), out)


def values_of(table: Any, attributed: Attributions) -> np.ndarray:
    """What each attribution belongs to, float64 [N, columns]: of boundaries, the mean over a grain's; else NaN."""
    values = np.full(attributed.nodes.shape, np.nan)
    own = len(table.columns)
    values[:, :own] = table.x
    if attributed.columns[own:] == table.edge_columns:
        source = table.flat_edges[:, 0]
        count = np.maximum(1, np.bincount(source, minlength=len(table.x)))
        for k in range(len(table.edge_columns)):
            values[:, own + k] = np.bincount(source, table.edge_x[:, k], minlength=len(table.x)) / count
    return values


def _rows(
    sample: Microstructure, graph: Microstructure, columns: Sequence[str], values: np.ndarray, nodes: np.ndarray
) -> Iterator[tuple]:
    """Rows of attributions.csv for a candidate; grains and features that added nothing are left out."""
    hops = hop_distance(graph.edges, graph.grain_id.size, np.array([graph.candidate_index]))
    candidate = graph.grain_id[graph.candidate_index]
    for grain, column in np.argwhere(nodes != 0):
        value = values[grain, column]
        yield (
            sample.name,
            sample.group,
            candidate,
            graph.grain_id[grain],
            hops[grain],
            columns[column],
            "" if np.isnan(value) else f"{value:.6g}",
            f"{nodes[grain, column]:.9g}",
        )


def _summary(sample: Microstructure, attributed: Attributions, i: int, predicted: float) -> tuple:
    numbers = (predicted, attributed.output[i], attributed.baseline[i], attributed.totals[i], attributed.residual[i])
    grain = sample.grain_id[sample.candidate_index]
    complete = abs(attributed.residual[i]) <= attributed.allowed[i]
    return (sample.name, sample.group, grain, *(f"{one:.9g}" for one in numbers), "true" if complete else "false")


def _figure(
    model: TrainedModel,
    sample: Microstructure,
    graph: Microstructure,
    attributed: Attributions,
    i: int,
    predicted: float,
) -> Any:
    nodes = attributed.nodes[attributed.node_ptr[i] : attributed.node_ptr[i + 1]]
    of_grain = np.full(sample.grain_id.size, np.nan)
    index = {grain: number for number, grain in enumerate(sample.grain_id.tolist())}
    of_grain[[index[grain] for grain in graph.grain_id.tolist()]] = nodes.sum(axis=1)
    kind = model.about["target"]["kind"]
    said = f"probability of abnormal growth {predicted:.2f}" if kind == ABNORMAL else f"growth ratio {predicted:.2f}"
    return attribution_map.figure(
        sample,
        of_grain,
        dict(zip(attributed.columns, nodes.sum(axis=0).tolist(), strict=True)),
        title=f"{sample.name}: {model.about['experiment']}, {said}",
        unit=UNITS.get(kind, "growth ratio"),
        baseline=float(attributed.baseline[i]),
        output=float(attributed.output[i]),
    )


def _say(summary: Sequence[tuple], maps: int, rejected: int, out: Path) -> None:
    print(f"{len(summary)} candidates of {maps} maps explained, {rejected} rejected: {out}")
    if len(summary) > DRAWN:
        print(f"the first {DRAWN} candidates are drawn")
    incomplete = [row[0] for row in summary if row[-1] == "false"]
    if incomplete:
        print(
            f"{len(incomplete)} candidates, such as {incomplete[0]}: the attributions do not sum to the prediction "
            "within 1 %; see the column residual"
        )
