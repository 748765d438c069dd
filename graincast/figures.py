"""Figures of an experiment: training curves, confusion matrices, accuracy against K."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from graincast.atomic import whole

BLUE, RED, GREY = "#2b6ca3", "#c8443a", "#8a8a8a"
mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})


def save(figure: Figure, path: Path, dpi: int = 150) -> None:
    """Write a figure as PNG, whole, with nothing in it that differs between equal figures."""
    FigureCanvasAgg(figure)
    with whole(path) as partial:
        figure.savefig(partial, format="png", dpi=dpi, metadata={"Software": None})


def training_curves(steps: np.ndarray, curves: np.ndarray, kept: np.ndarray, title: str) -> Figure:
    """Loss and accuracy against iterations; the mean over partitions, its spread shaded.

    steps   [evaluations]
    curves  [partitions, evaluations, 4]: training and validation loss, training and validation accuracy
    kept    [partitions], the iterations whose checkpoints were kept
    """
    figure = Figure(figsize=(7, 3), layout="constrained")
    for axes, columns, label in zip(figure.subplots(1, 2), ((0, 1), (2, 3)), ("loss (NLL)", "accuracy"), strict=True):
        for column, name, colour in zip(columns, ("training", "validation"), (BLUE, RED), strict=True):
            mean, spread = curves[..., column].mean(axis=0), curves[..., column].std(axis=0)
            axes.plot(steps, mean, color=colour, label=name)
            if len(curves) > 1:
                axes.fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
        axes.axvline(np.median(kept), color=GREY, linestyle=":", linewidth=1, label="checkpoint kept (median)")
        axes.set(xlabel="iteration", ylabel=label)
    axes.legend(frameon=False, fontsize=8)
    figure.suptitle(title, fontsize=10)
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
    axes.set_title(title, fontsize=9)
    return figure


def accuracy_against_hops(trials: list[dict], thresholds: list[float], title: str) -> Figure:
    """Validation accuracy against K: at each K the trial of the least validation loss, spread over partitions."""
    figure = Figure(figsize=(4, 3), layout="constrained")
    axes = figure.subplots()
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
        error = [np.std(value) / np.sqrt(len(value)) for value in values]
        axes.errorbar(
            at, [np.mean(v) for v in values], error, color=colour, marker="o", capsize=3, label=f"CGR > {threshold:g}"
        )
    axes.set(xlabel="hops K", ylabel="validation accuracy", xticks=sorted({t["params"]["hops"] for t in trials}))
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(title, fontsize=9)
    return figure
