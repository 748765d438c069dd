"""Figures of what a model relies on: importance of features, and its metrics against the radius that it knows."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from graincast.evaluation.intervals import Interval
from graincast.figures.style import BLUE, GRID, MARKERS, RED, WHISKERS, dots, titled

SHOWN = 20


class Loss(Protocol):
    """The importance of a feature, see explanation/importance.py."""

    @property
    def feature(self) -> str: ...
    @property
    def of(self) -> str: ...
    @property
    def loss(self) -> float: ...
    @property
    def interval(self) -> Interval: ...


class AtRadius(Protocol):
    """A metric at a radius, see explanation/hop_radius.py."""

    @property
    def hops(self) -> int | None: ...
    @property
    def value(self) -> float: ...
    @property
    def interval(self) -> Interval: ...


def importance(found: Sequence[Loss], metric: str, experiment: str) -> Figure:
    """What the metric loses where each feature is permuted, the most important on top."""
    shown = found[:SHOWN]
    drawn = Figure(figsize=(6.4, 1.3 + 0.26 * len(shown)), layout="constrained")
    axes = drawn.subplots()
    names = [f"{one.feature} ({one.of})" for one in shown]
    dots(axes, names, [one.loss for one in shown], [_limits(one.interval) for one in shown])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"loss of {metric} where the feature is permuted")
    more = f", the {SHOWN} most important of {len(found)} features" if len(found) > SHOWN else ""
    titled(drawn, f"{experiment}: permutation importance{more}.\n{WHISKERS}")
    return drawn


def hop_radius(curves: Mapping[str, Sequence[AtRadius]], experiment: str) -> Figure:
    """Metrics against the number of hops within which grains are known; the last point knows all."""
    drawn = Figure(figsize=(4.8, 3.4), layout="constrained")
    axes = drawn.subplots()
    for number, (name, colour, marker) in enumerate(zip(curves, (BLUE, RED), MARKERS, strict=False)):
        curve = curves[name]
        place = np.arange(len(curve)) + 0.08 * number
        limits = np.array([_limits(one.interval) for one in curve]).reshape(-1, 2)
        axes.vlines(place, limits[:, 0], limits[:, 1], color=colour, linewidth=1.2)
        axes.plot(place, [one.value for one in curve], color=colour, marker=marker, markersize=4, label=name)
    longest = max(curves.values(), key=len)
    axes.set_xticks(range(len(longest)), ["all" if one.hops is None else str(one.hops) for one in longest])
    axes.set_xlabel("hops from the candidate within which grains are known")
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.legend(frameon=False, fontsize=8)
    titled(drawn, f"{experiment}: grains beyond are average ones.\n{WHISKERS}")
    return drawn


def _limits(interval: Interval) -> tuple[float, float]:
    return interval or (np.nan, np.nan)
