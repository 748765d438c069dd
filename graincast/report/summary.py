"""The report in short."""

from graincast.evaluation.metrics import METRICS, headline
from graincast.report import words
from graincast.report.blocks import Section, Table, Text
from graincast.report.results import Results


def section(results: Results) -> Section:
    """What is there, and the leader of each task."""
    counts = (
        words.several(len(results.datasets), "data set"),
        words.several(len(results.experiments), "experiment"),
        words.several(len(results.tasks), "task"),
    )
    lines = []
    for rows in results.tasks:
        best, score, dataset = rows[0], headline(rows[0]["target"]), rows[0]["dataset"]
        reached = f"{METRICS[score].label} {words.with_interval(best, score)}"
        rejected = results.rejected(dataset)
        used = len(results.summary(dataset))
        about = words.rejected(None if rejected is None else len(rejected), used)
        lines.append(
            (
                dataset,
                results.task(best),
                best["experiment"],
                reached,
                words.tested(best),
                about,
                best["cautions"],
            )
        )
    header = ("data set", "task", "best experiment", "result (95 % interval)", "n", "rejected input", "caution")
    marked = [number for number, line in enumerate(lines) if line[-1]]
    table = Table("The best experiment of each task.", header, lines, (), marked)
    return Section("summary", "In short", [Text(f"{words.listed(list(counts))}."), table])
