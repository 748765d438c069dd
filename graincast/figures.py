"""Figures of an experiment: training curves, confusion matrices, accuracy against K."""

import textwrap
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from graincast.atomic import whole

BLUE, RED, GREY = "#2b6ca3", "#c8443a", "#8a8a8a"
CHARACTERS = 13  # an inch, of a title
BAND = (0.1, 0.9)  # quantiles
mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})


def save(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure as PNG, whole, with nothing in it that differs between equal figures."""
    FigureCanvasAgg(figure)
    with whole(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})


def titled(figure: Figure, title: str) -> None:
    """A title over the whole figure, broken into as many lines as it takes."""
    figure.suptitle(textwrap.fill(title, round(CHARACTERS * figure.get_figwidth())), fontsize=9)


def training_curves(steps: np.ndarray, curves: np.ndarray, kept: np.ndarray, title: str) -> Figure:
    """Loss and accuracy against iterations; the mean over partitions, and the range of most of them shaded.

    steps   [evaluations]
    curves  [partitions, evaluations, 4]: training and validation loss, training and validation accuracy
    kept    [partitions], the iterations whose checkpoints were kept
    """
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    for axes, columns, label in zip(figure.subplots(1, 2), ((0, 1), (2, 3)), ("loss (NLL)", "accuracy"), strict=True):
        for column, name, colour in zip(columns, ("training", "validation"), (BLUE, RED), strict=True):
            one = curves[..., column]
            axes.plot(steps, one.mean(axis=0), color=colour, label=f"{name}, mean" if len(curves) > 1 else name)
            if len(curves) > 1:
                band = "{:.0%} to {:.0%} of {} partitions".format(*BAND, len(curves))
                axes.fill_between(
                    steps, *np.quantile(one, BAND, axis=0), color=colour, alpha=0.2, linewidth=0, label=band
                )
        checkpoint = "checkpoint kept, median" if len(curves) > 1 else "checkpoint kept"
        axes.axvline(np.median(kept), color=GREY, linestyle=":", linewidth=1, label=checkpoint)
        axes.set(xlabel="iteration", ylabel=label)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    titled(figure, title)
    return figure


def confusion_matrix(test: dict, title: str) -> Figure:
    """Counts of true against predicted classes, summed over partitions, with each row's shares."""
    counts = np.array(
        [[test["true_normal"], test["false_abnormal"]], [test["false_normal"], test["true_abnormal"]]], float
    )
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(3.4, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(2, 2):
        colour = "white" if share[i, j] > 0.55 else "black"
        axes.text(j, i, f"{counts[i, j]:,.0f}\n{share[i, j]:.0%}", ha="center", va="center", color=colour)
    classes = ["normal", "abnormal"]
    axes.set(xticks=[0, 1], yticks=[0, 1], xticklabels=classes, yticklabels=classes, xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    titled(figure, title)
    return figure


def accuracy_against_hops(trials: list[dict], thresholds: list[float], title: str) -> Figure:
    """Validation accuracy against K: at each K the trial of the least validation loss, with its standard error."""
    figure = Figure(figsize=(4.4, 3.4), layout="constrained")
    axes = figure.subplots()
    partitions = len(trials[0]["by_partition"])
    colours = mpl.colormaps["viridis"](np.linspace(0.1, 0.8, len(thresholds)))
    for threshold, colour in zip(thresholds, colours, strict=True):
        best: dict[int, dict] = {}
        for trial in trials:
            hops = trial["params"]["hops"]
            if trial["params"]["threshold"] == threshold and (
                hops not in best or trial["validation"]["nll"] < best[hops]["validation"]["nll"]
            ):
                best[hops] = trial
        at = sorted(best)
        values = [[one["accuracy"] for one in best[hops]["by_partition"].values()] for hops in at]
        mean, label = [np.mean(value) for value in values], f"growth ratio > {threshold:g}"
        if partitions > 1:
            error = [np.std(value, ddof=1) / np.sqrt(partitions) for value in values]
            axes.errorbar(at, mean, error, color=colour, marker="o", capsize=3, label=label)
        else:
            axes.plot(at, mean, color=colour, marker="o", label=label)
    axes.set(xlabel="hops K", ylabel="validation accuracy", xticks=sorted({t["params"]["hops"] for t in trials}))
    axes.legend(frameon=False, fontsize=8)
    caption = "At each K, the trial of least validation loss." + (
        f"\nBars: standard error over {partitions} partitions." if partitions > 1 else ""
    )
    figure.supxlabel(caption, fontsize=7, color=GREY)
    titled(figure, title)
    return figure
