"""The comparisons of benchmarks/results.json as a figure, docs/benchmarks.svg: python -m benchmarks.figure."""

import json
from collections.abc import Iterator
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

from benchmarks import results
from benchmarks.comparison import FASTER

FILE = Path(__file__).parents[1] / "docs" / "benchmarks.svg"
COLOUR = "#0072b2"


def comparisons(entries: dict) -> Iterator[tuple[str, dict]]:
    """The name and the spread of each ratio, as results.json has them."""
    for benchmark, entry in entries.items():
        for case, figures in entry["figures"].items():
            if isinstance(figures, dict) and FASTER in figures:
                yield f"{benchmark}: {case}", figures[FASTER]


def draw(path: Path = FILE) -> None:
    """One dot per comparison, with a line from the lowest to the highest of its repeats."""
    found = sorted(comparisons(json.loads(results.FILE.read_text(encoding="utf-8"))), key=lambda one: one[1]["median"])
    with plt.rc_context({"svg.hashsalt": "benchmarks", "font.size": 8}):
        drawn, axes = plt.subplots(figsize=(6.5, 0.8 + 0.24 * len(found)), layout="constrained")
        for place, (_, spread) in enumerate(found):
            axes.plot([spread["lowest"], spread["highest"]], [place, place], color=COLOUR, linewidth=1.5)
            axes.plot(spread["median"], place, "o", color=COLOUR, markersize=5)
            axes.annotate(
                f"{spread['median']:.3g}", (spread["median"], place), (7, 3), textcoords="offset points", fontsize=7
            )
        axes.axvline(1, color="0.6", linewidth=0.8)
        axes.set_yticks(range(len(found)), [name for name, _ in found])
        axes.set_xscale("log")
        drawn.supxlabel("times faster than the reference (median, lowest and highest of the repeats)", fontsize=8)
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        drawn.savefig(path, metadata={"Date": None})
        plt.close(drawn)


if __name__ == "__main__":
    draw()
