"""What the leader of each task relies on: importance of features, and the length scale, where they were measured."""

from dataclasses import dataclass

from graincast.evaluation.intervals import Interval
from graincast.evaluation.metrics import METRICS
from graincast.figures import importance as draw
from graincast.files import csv_table
from graincast.report.blocks import Note, Section, Text, chart
from graincast.report.results import Results


@dataclass(frozen=True)
class Loss:
    """A row of importance.csv."""

    feature: str
    of: str
    loss: float
    interval: Interval


@dataclass(frozen=True)
class AtRadius:
    """A row of hop_radius.csv."""

    hops: int | None
    value: float
    interval: Interval


def section(results: Results) -> Section:
    """A part for each leader."""
    text = (
        "What the leader of each task loses without a feature, and how good it is if it knows no grain beyond some "
        "hops. Features that say the same hide each other's importance."
    )
    leaders = dict.fromkeys(rows[0]["experiment"] for rows in results.tasks)
    parts = [Section(f"relied-on-{name}", name, _of(results, name)) for name in leaders]
    return Section("relied-on", "What the models rely on", [Text(text)], parts)


def _of(results: Results, name: str) -> list:
    folder = results.explanation(name)
    losses, radii = folder / "importance.csv", folder / "hop_radius.csv"
    if not losses.is_file() or not radii.is_file():
        return [Note(f"Not measured; the report shows it after: {results.to_explain(name)}")]
    rows = csv_table.records(losses)
    found = [Loss(row["feature"], row["of"], _number(row["loss"]), _interval(row)) for row in rows]
    metric = METRICS[rows[0]["metric"]].label
    curves: dict[str, list[AtRadius]] = {}
    for row in csv_table.records(radii):
        hops = None if row["hops"] == "all" else int(row["hops"])
        curve = curves.setdefault(METRICS[row["metric"]].label, [])
        curve.append(AtRadius(hops, _number(row["value"]), _interval(row)))
    first = ", ".join(f"{one.feature} ({one.of}) {one.loss:.3f}" for one in found[:3])
    last = ", ".join(f"{label} {curve[0].value:.3f} to {curve[-1].value:.3f}" for label, curve in curves.items())
    return [
        chart(draw.importance(found, metric, name), f"Loss of {metric} where a feature is permuted. First: {first}."),
        chart(draw.hop_radius(curves, name), f"From the candidate alone to all grains: {last}."),
    ]


def _number(text: str) -> float:
    return float(text or "nan")


def _interval(row: dict[str, str]) -> Interval:
    return (float(row["low"]), float(row["high"])) if row["low"] else None
