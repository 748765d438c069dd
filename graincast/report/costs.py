"""Time and memory of each rule, as Snakemake measured them."""

from graincast.planning.explanation import WORDS
from graincast.program.progress import duration
from graincast.report.blocks import Note, Section, Table
from graincast.report.results import Results


def section(results: Results) -> Section:
    """A row for each rule, in the order of the workflow."""
    costs = results.benchmarks()
    if not costs:
        blocks: list = [Note("Not known: the folder benchmarks/ is not in these results.")]
        return Section("costs", "Time and memory", blocks)
    order = [*WORDS, *sorted(costs.keys() - WORDS.keys())]
    rows = []
    for rule in sorted(costs, key=order.index):
        seconds = [cost["s"] for cost in costs[rule]]
        cpu = [cost["cpu_time"] for cost in costs[rule] if isinstance(cost.get("cpu_time"), int | float)]
        memory = [cost["max_rss"] for cost in costs[rule] if isinstance(cost.get("max_rss"), int | float)]
        peak = f"{max(memory):,.0f} MB" if memory else ""
        rows.append(
            (rule, f"{len(seconds):,}", duration(sum(seconds)), duration(max(seconds)), duration(sum(cpu)), peak)
        )
    total = sum(cost["s"] for of_rule in costs.values() for cost in of_rule)
    rows.append(("in all", f"{sum(map(len, costs.values())):,}", duration(total), "", "", ""))
    caption = (
        "The last run of each job in this folder, those of other configurations included; jobs ran beside each other."
    )
    header = ("rule", "jobs", "time", "longest job", "processor time", "peak memory")
    return Section("costs", "Time and memory", [Table(caption, header, rows, range(1, 6))])
