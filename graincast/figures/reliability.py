"""A reliability figure: how often growth is abnormal where a model gives it some probability."""

import numpy as np
from matplotlib.figure import Figure

from graincast.figures.style import BLUE, GREY, MARKERS, WHISKERS, titled

BINS = 10
Z = 1.959963984540054


def reliability(true: np.ndarray, probability: dict[str, np.ndarray], copies: float, title: str) -> Figure:
    """The frequency of abnormal growth against its probability, in ten equal bins, with Wilson's intervals.

    true         bool [n]
    probability  by label, float [n] each: as predicted, and calibrated
    copies       how often each microstructure was tested, so that repeats do not narrow the intervals
    """
    figure = Figure(figsize=(4.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":")
    series = zip(probability.items(), (GREY, BLUE), MARKERS, (-0.004, 0.004), strict=False)
    for (label, values), colour, marker, shift in series:
        bins = np.minimum((BINS * values).astype(int), BINS - 1)
        for number, index in enumerate(np.unique(bins)):
            inside = bins == index
            x, frequency = values[inside].mean() + shift, true[inside].mean()
            axes.plot([x, x], wilson(frequency, inside.sum() / copies), color=colour, linewidth=1.2)
            name = label if number == 0 else None
            axes.plot([x], [frequency], color=colour, marker=marker, markersize=4, linestyle="", label=name)
    axes.set(xlabel="probability of abnormal growth", ylabel="frequency of abnormal growth", xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False, fontsize=8)
    figure.supxlabel(f"{WHISKERS} n: {true.size / copies:.0f} microstructures.", fontsize=7, color=GREY)
    titled(figure, title)
    return figure


def wilson(frequency: float, count: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a frequency among `count` values."""
    centre = (frequency + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z / (1 + Z**2 / count) * np.sqrt(frequency * (1 - frequency) / count + Z**2 / (4 * count**2))
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))
