"""Figures of an encoder: reconstruction error against the number of components, and sample reconstructions."""

import numpy as np
from matplotlib.figure import Figure

from graincast.encoders.patches import KINDS
from graincast.figures.style import BLUE, GREY, MARKERS, RED, titled

COLOURS = dict(zip(KINDS, (BLUE, RED), strict=True))
MARKER = dict(zip(KINDS, MARKERS, strict=False))
NAMES = dict(zip(KINDS, ("single grains", "boundaries"), strict=True))
MAX_SAMPLES = 8


def error_against_components(errors: dict[str, np.ndarray], curves: dict[str, np.ndarray], title: str) -> Figure:
    """Mean squared error, relative to that of the mean patch, against the number of components and during training.

    errors   {kind: [rows, 3]}: components, training error, validation error; the first row has 0 components
    curves   {kind: [epochs + 1, 3]}: epoch, training loss, validation loss; empty for methods without epochs
    """
    figure = Figure(figsize=(8 if curves else 4.8, 3.6), layout="constrained")
    axes, *curve_axes = figure.subplots(1, 2 if curves else 1, squeeze=False, sharey=True)[0]
    for kind, rows in errors.items():
        label = f"{NAMES[kind]} (mean patch: {rows[0, 2]:.4f})"
        components, train, validation = rows[1:, 0], rows[1:, 1] / rows[0, 1], rows[1:, 2] / rows[0, 2]
        axes.plot(components, validation, color=COLOURS[kind], marker=MARKER[kind], label=label)
        axes.plot(components, train, color=COLOURS[kind], marker=MARKER[kind], markersize=3, linestyle=":", linewidth=1)
    ticks = sorted({int(components) for rows in errors.values() for components in rows[1:, 0]})
    axes.set(xscale="log", yscale="log", xlabel="components", ylabel="squared error relative to the mean patch")
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    lowest = min((rows[1:, 1:] / rows[0, 1:]).min() for rows in errors.values())
    marks = [mark for mark in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1) if mark >= lowest / 2.5]
    axes.set_yticks(marks, [f"{mark:g}" for mark in marks])
    axes.set_xlim(ticks[0] / 1.2, ticks[-1] * 1.2)
    axes.set_ylim(min(lowest / 1.1, marks[0]), 1.15)
    axes.legend(frameon=False, fontsize=8)
    for kind, rows in curves.items():
        for column, style in ((1, ":"), (2, "-")):
            line = {"color": COLOURS[kind], "marker": MARKER[kind], "markersize": 3, "markevery": 0.1}
            curve_axes[0].plot(rows[:, 0], rows[:, column] / errors[kind][0, column], style, **line)
        curve_axes[0].set(xlabel="epochs")
        curve_axes[0].xaxis.get_major_locator().set_params(integer=True)
    figure.supxlabel("Solid: held-out microstructures. Dotted: training microstructures.", fontsize=7, color=GREY)
    titled(figure, title)
    return figure


def sample_reconstructions(samples: dict[str, dict[str, np.ndarray]], title: str) -> Figure:
    """Held-out patches, each above its reconstructions.

    samples  {kind: original uint8 [s, size, size], components [k], reconstruction uint8 [k, s, size, size]}
    """
    count = min(MAX_SAMPLES, max(len(sample["original"]) for sample in samples.values()))
    rows = sum(1 + len(sample["components"]) for sample in samples.values())
    figure = Figure(figsize=(0.9 * count + 1.1, 0.95 * rows + 0.9), layout="constrained")
    heights = [1 + len(sample["components"]) for sample in samples.values()]
    panels = figure.subfigures(len(samples), 1, squeeze=False, height_ratios=heights)
    for panel, (kind, sample) in zip(panels.flat, samples.items(), strict=True):
        images = [sample["original"], *sample["reconstruction"]]
        labels = ["original", *(f"{k} component{'s' if k > 1 else ''}" for k in sample["components"])]
        grid = panel.subplots(len(images), count, squeeze=False)
        panel.suptitle(NAMES[kind], fontsize=8)
        for row_of_axes, patches, label in zip(grid, images, labels, strict=True):
            for i, axes in enumerate(row_of_axes):
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                if i < len(patches):
                    axes.imshow(patches[i], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            row_of_axes[0].set_ylabel(label, fontsize=7, rotation=0, ha="right", va="center")
    titled(figure, title)
    return figure
