"""A figure of ROC and precision-recall curves."""

import numpy as np
from matplotlib.figure import Figure

from graincast.evaluation.operating_curves import GRID, Curves
from graincast.figures.style import BLUE, GREY, RED, titled


def operating_curves(curves: Curves, several: bool, title: str) -> Figure:
    """Two panels with a band each, the performance without skill dotted, and the decision at one half as a dot.

    several  whether the curves are means over folds
    """
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    false_rate, recall, precision = curves.operating
    label = "mean over folds" if several else "test data"
    for axes, values, at in ((left, curves.roc, (false_rate, recall)), (right, curves.precision, (recall, precision))):
        axes.fill_between(GRID, values[1], values[2], color=BLUE, alpha=0.2, linewidth=0, label=curves.band)
        axes.plot(GRID, values[0], color=BLUE, label=label)
        if np.isfinite(at).all():
            axes.plot(*at, color=RED, marker="o", markersize=5, linestyle="", label="decided at one half")
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    left.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    right.axhline(curves.abnormal, color=GREY, linewidth=1, linestyle=":", label="without skill")
    left.set(xlabel="false-positive rate", ylabel="recall (true-positive rate)")
    right.set(xlabel="recall", ylabel="precision")
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    titled(figure, title)
    return figure
