"""Figures of a data set: growth ratios, grain sizes, growth, and some of its microstructures."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from graincast.figures import microstructure
from graincast.figures.scale_bar import add as add_scale_bar
from graincast.figures.style import BLUE, GREY, RED, titled
from graincast.graphs.palette import COLOUR, NAME
from graincast.microstructure import HIGH_MOBILITY, LOW_MOBILITY, Microstructure

BINS = 40
COLUMNS = 3
"""Microstructures side by side."""


def growth_ratios(ratios: np.ndarray, thresholds: Sequence[float], title: str) -> Figure:
    """The distribution of the growth ratios of all growth runs, float [n], with the fraction above each threshold."""
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    highest = max([ratios.max(), *thresholds]) * 1.03
    axes.hist(ratios, bins=np.linspace(0, highest, BINS + 1).tolist(), color=BLUE)
    for threshold, style in zip(thresholds, ("--", ":", "-.") * len(thresholds), strict=False):
        above = f"{np.mean(ratios > threshold):.0%} above {threshold:g}"
        axes.axvline(threshold, color=RED, linestyle=style, linewidth=1.2, label=above)
    axes.set(xlabel="growth ratio (final / initial area)", ylabel="growth runs", xlim=(0, highest))
    if thresholds:
        axes.legend(frameon=False, fontsize=8)
    titled(figure, title)
    return figure


def grain_sizes(diameter: Mapping[int, np.ndarray], title: str) -> Figure:
    """The distribution of grain size: equivalent diameters over their mean, float [n], by grain type."""
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    largest = max(values.max() for values in diameter.values() if values.size)
    bins = np.linspace(0, largest, BINS + 1).tolist()
    forms: dict[int, Literal["bar", "step"]] = {LOW_MOBILITY: "bar", HIGH_MOBILITY: "step"}
    for kind, form in forms.items():
        values = diameter.get(kind, np.zeros(0))
        if values.size:
            label = f"{NAME[kind]}, {values.size:,} grains"
            axes.hist(values, bins, density=True, label=label, color=COLOUR[kind], histtype=form, linewidth=1.5)
    axes.set(xlabel="equivalent diameter / mean", ylabel="probability density")
    axes.legend(frameon=False, fontsize=8)
    titled(figure, title)
    return figure


def trajectories(growth: Sequence[tuple[np.ndarray, np.ndarray]], threshold: float | None, title: str) -> Figure:
    """The candidate's area against time, each growth run a line.

    growth     times [records], MCS, and areas over the initial area [records], of each run
    threshold  runs that end above it are solid, others dashed; None: all are alike
    """
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    labelled = set()
    longest = max(time[-1] for time, _ in growth)
    power = 3 * int(np.log10(max(longest, 1)) // 3)
    for time, ratio in growth:
        above = threshold is not None and ratio[-1] > threshold
        label = None if threshold is None else "abnormal" if above else "normal"
        axes.plot(
            time / 10**power,
            ratio,
            color=RED if above else BLUE,
            linestyle="-" if above or threshold is None else "--",
            linewidth=0.9,
            alpha=0.8,
            label=None if label in labelled else label,
        )
        labelled.add(label)
    if threshold is not None:
        axes.axhline(threshold, color=GREY, linewidth=1, linestyle=":", label=f"threshold {threshold:g}")
        axes.legend(frameon=False, fontsize=8)
    unit = f"$10^{power}$ Monte Carlo steps" if power else "Monte Carlo steps"
    axes.set(xlabel=f"time, {unit}", ylabel="area / initial area", ylim=(0, None), xlim=(0, None))
    titled(figure, title)
    return figure


def gallery(
    rows: Sequence[tuple[str, Sequence[tuple[Microstructure, str]]]], title: str, graph: bool = False
) -> Figure:
    """Microstructures side by side, each row with a heading and each map with a title of its own.

    graph  also draw the grain graphs
    """
    deep = [-(-len(of_row) // COLUMNS) for _, of_row in rows]
    figure = Figure(figsize=(7.4, 0.7 + 2.75 * sum(deep)), layout="constrained")
    parts = figure.subfigures(len(rows), 1, squeeze=False, height_ratios=deep)
    for part, (heading, of_row), lines in zip(parts[:, 0], rows, deep, strict=True):
        if heading:
            part.suptitle(heading, fontsize=9, fontweight="bold", x=0.01, ha="left")
        places = part.subplots(lines, COLUMNS, squeeze=False).ravel()
        for axes in places:
            axes.set_axis_off()
        for axes, (one, words) in zip(places, of_row, strict=False):
            half = microstructure.reach(one)
            image = microstructure.rgb(one)
            axes.imshow(image, interpolation="nearest")
            height, width = (size / 2 - 0.5 for size in image.shape[:2])
            axes.set(xlim=(width - half, width + half), ylim=(height + half, height - half))
            if graph:
                microstructure.overlay(axes, one)
            add_scale_bar(axes, round(2 * half), one.spacing)
            axes.set_title(words, fontsize=8)
    patches = [Patch(color=COLOUR[kind], label=NAME[kind]) for kind in COLOUR]
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    if title:
        titled(figure, title)
    return figure
