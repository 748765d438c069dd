"""Grids of trials: their points, trial names, and training jobs."""

import itertools
import json
from collections.abc import Mapping, Sequence


def points(axes: Mapping[str, Sequence]) -> list[dict]:
    """All points of a grid as {axis: value}, the last axis varying fastest."""
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def trial_name(point: dict, prefixes: Mapping[str, str]) -> str:
    """The trial name of a point, e.g. t10_k2_lr0.01_wd0_s0; it stays the same when the grid grows.

    prefixes  of each axis's values
    """
    return "_".join(
        f"{prefixes[axis]}{value if isinstance(value, str) else number(value)}" for axis, value in point.items()
    )


def study_trial_name(job: str, trial: int) -> str:
    """The name of a trial of a study by its number, e.g. t10_r1f1_007; it stays the same when the study gets longer."""
    return f"{job}_{trial:03d}"


def study_trial_number(name: str) -> int:
    """The number of a trial of a study, from 0, by its name."""
    return int(name.rpartition("_")[2])


def number(value: float | None) -> str:
    """A number as unambiguous text without a plus sign: 10, 0.001, 1e-05; "" for None."""
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else repr(float(value))


def jobs(
    axes: dict[str, Sequence], fan_out: Sequence[str], prefixes: Mapping[str, str]
) -> dict[str, dict[str, Sequence]]:
    """The training jobs of a grid: one per point of the axes in `fan_out`, each with all values of the other axes.

    prefixes  of each axis's values in a job's name
    Returns {job name: the sub-grid that it trains}.
    """
    fanned = {axis: values for axis, values in axes.items() if axis in fan_out}
    if not fanned:
        return {"all": dict(axes)}
    return {
        trial_name(point, prefixes): {axis: [point[axis]] if axis in point else list(axes[axis]) for axis in axes}
        for point in points(fanned)
    }


def feature_subsets(names: Sequence[str], minimum: int, maximum: int) -> list[str]:
    """All subsets of `minimum` to `maximum` feature names, smallest first: "area", "area+degree"."""
    sizes = range(minimum, min(maximum, len(names)) + 1)
    return ["+".join(subset) for size in sizes for subset in itertools.combinations(names, size)]


def as_json(value: object) -> str:
    """A command-line parameter as one line of JSON with sorted keys, so that equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
