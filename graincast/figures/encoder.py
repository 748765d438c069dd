"""Figures of an encoder: reconstruction error against the number of components, and sample reconstructions."""

import numpy as np
from matplotlib.figure import Figure

from graincast.encoders.patches import KINDS
from graincast.figures.style import BLUE, GREY, RED, titled

COLOURS = dict(zip(KINDS, (BLUE, RED), strict=True))
NAMES = dict(zip(KINDS, ("single grains", "boundaries"), strict=True))
MOST = 8  # samples drawn


def error_against_components(errors: dict[str, np.ndarray], curves: dict[str, np.ndarray], title: str) -> Figure:
    """Mean squared error, as a fraction of the mean patch's, against the number of components, and during training.

    errors   for each kind, [rows, 3]: components, training error, validation error; the first row with 0 components
    curves   for each kind, [epochs + 1, 3]: epoch, training loss, validation loss; empty without such a training
    """
    figure = Figure(figsize=(8 if curves else 4.8, 3.6), layout="constrained")
    axes, *beside = figure.subplots(1, 2 if curves else 1, squeeze=False, sharey=True)[0]
    for kind, rows in errors.items():
        label = f"{NAMES[kind]} (mean patch: {rows[0, 2]:.4f})"
        at, train, validation = rows[1:, 0], rows[1:, 1] / rows[0, 1], rows[1:, 2] / rows[0, 2]
        axes.plot(at, validation, color=COLOURS[kind], marker="o", label=label)
        axes.plot(at, train, color=COLOURS[kind], marker=".", linestyle=":", linewidth=1)
    ticks = sorted({int(at) for rows in errors.values() for at in rows[1:, 0]})
    axes.set(xscale="log", yscale="log", xlabel="components", ylabel="squared error / that of the mean patch")
    axes.set_xticks(ticks, [str(at) for at in ticks])
    axes.minorticks_off()
    lowest = min((rows[1:, 1:] / rows[0, 1:]).min() for rows in errors.values())
    marks = [mark for mark in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if mark >= lowest / 2.5]
    axes.set_yticks(marks, [f"{mark:g}" for mark in marks])
    axes.set_xlim(ticks[0] / 1.2, ticks[-1] * 1.2)
    axes.set_ylim(min(lowest / 1.1, marks[0]), 1.15)
    axes.legend(frameon=False, fontsize=8)
    for kind, rows in curves.items():
        for column, style in ((1, ":"), (2, "-")):
            beside[0].plot(rows[:, 0], rows[:, column] / errors[kind][0, column], style, color=COLOURS[kind])
        beside[0].set(xlabel="epochs")
        beside[0].xaxis.get_major_locator().set_params(integer=True)
    figure.supxlabel("Solid: held-out microstructures. Dotted: those trained on.", fontsize=7, color=GREY)
    titled(figure, title)
    return figure


def sample_reconstructions(samples: dict[str, dict[str, np.ndarray]], title: str) -> Figure:
    """Held-out patches, and below each its reconstructions.

    samples  for each kind: original uint8 [s, size, size], components [k], reconstruction uint8 [k, s, size, size]
    """
    count = min(MOST, max(len(one["original"]) for one in samples.values()))
    rows = sum(1 + len(one["components"]) for one in samples.values())
    figure = Figure(figsize=(0.9 * count + 1.1, 0.95 * rows + 0.9), layout="constrained")
    parts = figure.subfigures(len(samples), 1, height_ratios=[1 + len(one["components"]) for one in samples.values()])
    for part, (kind, one) in zip(np.atleast_1d(parts), samples.items(), strict=True):
        images = [one["original"], *one["reconstruction"]]
        labels = ["original", *(f"{k} component{'s' if k > 1 else ''}" for k in one["components"])]
        grid = part.subplots(len(images), count, squeeze=False)
        part.suptitle(NAMES[kind], fontsize=8)
        for line, row, label in zip(grid, images, labels, strict=True):
            for i, axes in enumerate(line):
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                if i < len(row):
                    axes.imshow(row[i], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            line[0].set_ylabel(label, fontsize=7, rotation=0, ha="right", va="center")
    titled(figure, title)
    return figure
