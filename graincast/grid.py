"""A grid of trials: its points, their names, and the jobs that train them."""

import itertools
from collections.abc import Sequence

AXES = {"threshold": "t", "hops": "k", "learning_rate": "lr", "weight_decay": "wd", "seed": "s"}


def points(axes: dict[str, Sequence]) -> list[dict]:
    """All points of a grid, the last axis running fastest; each a dict of axis and value."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def trial_name(point: dict) -> str:
    """The name of a point, e.g. t10_k2_lr0.01_wd0_s0; it does not change when the grid grows."""
    return "_".join(f"{AXES[axis]}{number(value)}" for axis, value in point.items())


def number(value: float) -> str:
    """A number in full, so that no two share a text, and without a plus sign: 10, 0.001, 1e-05, 1234567."""
    return str(int(value)) if value == int(value) else repr(float(value))


def jobs(axes: dict[str, Sequence], fan_out: Sequence[str]) -> dict[str, dict[str, list]]:
    """The training jobs of a grid: one for each point of the axes in `fan_out`, and all of the others within it.

    Returns {job name: the part of the grid it trains}.
    """
    fanned = {axis: values for axis, values in axes.items() if axis in fan_out}
    if not fanned:
        return {"all": dict(axes)}
    return {
        trial_name(point): {axis: [point[axis]] if axis in point else list(axes[axis]) for axis in axes}
        for point in points(fanned)
    }
