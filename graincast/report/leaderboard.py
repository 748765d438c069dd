"""The leaderboard: every experiment, best first, with intervals, differences and ceilings."""

from collections.abc import Mapping, Sequence

from graincast.evaluation.metrics import BASELINES, METRICS, headline, main_metrics
from graincast.figures import experiment
from graincast.report import words
from graincast.report.blocks import Picture, Section, Table, Text, chart
from graincast.report.results import Results


def section(results: Results) -> Section:
    """A table and a figure for each task."""
    text = (
        "Every experiment that has finished here, the best first. Brackets hold 95 % intervals; n is the number of "
        "test predictions. A difference is paired: both experiments were tested on the same groups."
    )
    parts = []
    for number, rows in enumerate(results.tasks, 1):
        title = f"{rows[0]['dataset']}: {results.task(rows[0])}"
        blocks = [_table(rows, rows[0]["target"], title), *map(Text, _limits(rows)), _figure(rows, title)]
        parts.append(Section(f"leaderboard-{number}", title, blocks))
    return Section("leaderboard", "Leaderboard", [Text(text)], parts)


def _table(rows: Sequence[Mapping[str, str]], target: str, title: str) -> Table:
    reference = next((row["reference"] for row in rows if row["reference"]), "")
    metrics = main_metrics(target)
    header = ["experiment", "model", "features", *(METRICS[name].label for name in metrics), "n"]
    columns = [
        [
            row["experiment"],
            row["model"],
            row["features"],
            *(words.with_interval(row, name) for name in metrics),
            words.tested(row),
        ]
        for row in rows
    ]
    optional = {f"difference to {reference}": _difference, "way to the ceiling": _way, "caution": _caution}
    for name, cell in optional.items():
        cells = [cell(row) for row in rows]
        if any(cells):
            header.append(name)
            columns = [[*row, text] for row, text in zip(columns, cells, strict=True)]
    marked = [number for number, row in enumerate(rows) if row["cautions"]]
    return Table(f"Test results on {title}.", header, columns, range(3, 4 + len(metrics)), marked)


def _difference(row: Mapping[str, str]) -> str:
    if not row["difference"] or row["reference"] == row["experiment"]:
        return ""
    return words.with_interval(row, "difference", "+.3f")


def _way(row: Mapping[str, str]) -> str:
    return f"{float(row['share_of_ceiling']):.0%}" if row.get("share_of_ceiling") else ""


def _limits(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """The trivial baseline and the noise ceiling, one sentence for each that rows have."""
    found: dict[str, None] = {}
    for row in rows:
        for name, label in BASELINES.items():
            if row[name]:
                found[f"Trivial baseline: {label} {words.value(row, name)}."] = None
        if row.get("ceiling"):
            score = METRICS[headline(row["target"])].label
            found[f"Noise ceiling of the {score}: {words.with_interval(row, 'ceiling')}, {row['ceiling_of']}."] = None
    return [" ".join(found)] if found else []


def _caution(row: Mapping[str, str]) -> str:
    return row["cautions"]


def _figure(rows: list[dict[str, str]], title: str) -> Picture:
    score = headline(rows[0]["target"])
    best = f"{rows[0]['experiment']} with {words.with_interval(rows[0], score)}"
    text = f"Test {METRICS[score].label} on {title}, {words.several(len(rows), 'experiment')}. The best is {best}."
    return chart(experiment.comparison(rows), text, wide=True)
