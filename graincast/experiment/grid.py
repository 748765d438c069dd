"""A grid of trials: its points, their names, and the jobs that train them."""

import itertools
import json
from collections.abc import Sequence

AXES = {
    "threshold": "t",
    "feature_subset": "f",
    "propagation_steps": "k",
    "variance": "v",
    "whiten": "w",
    "c": "c",
    "learning_rate": "lr",
    "weight_decay": "wd",
    "seed": "s",
}
"""All axes in the order in which they stand in a grid, and what stands before their values in a trial's name."""


def points(axes: dict[str, Sequence]) -> list[dict]:
    """All points of a grid, the last axis running fastest; each a dict of axis and value."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def trial_name(point: dict) -> str:
    """The name of a point, e.g. t10_k2_lr0.01_wd0_s0; it does not change when the grid grows."""
    return "_".join(
        f"{AXES[axis]}{value if axis == 'feature_subset' else number(value)}" for axis, value in point.items()
    )


def number(value: float | None) -> str:
    """A number in full, so that no two share a text, and without a plus sign: 10, 0.001, 1e-05; "" for None."""
    if value is None:
        return ""
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


def feature_subsets(names: Sequence[str], least: int, most: int) -> list[str]:
    """All subsets of names with at least `least` and at most `most` of them, smallest first: "area", "area+degree"."""
    sizes = range(least, min(most, len(names)) + 1)
    return ["+".join(chosen) for size in sizes for chosen in itertools.combinations(names, size)]


def as_json(value: object) -> str:
    """A parameter as programs read it: one line of JSON, its keys in order, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
