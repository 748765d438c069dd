"""What is learned, from growth ratios (final / initial area) or from the classes of labelled images.

Growth runs from one initial state differ, so their growth ratios are aggregated first. "Above" is strict throughout.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graincast.microstructure import BadInput

AGGREGATES = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}
ABNORMAL, GROWTH_RATIO, LABEL = "abnormal", "growth-ratio", "label"
CANDIDATE, ALL = "candidate", "all"


@dataclass(frozen=True)
class Target:
    """What is learned of g microstructures (or images) with N grains in all.

    kind        ABNORMAL (is the growth ratio above a threshold?), GROWTH_RATIO or LABEL (the class of an image)
    grains      of which grains: CANDIDATE (one value a microstructure) or ALL
    values      by threshold, the key being None where the kind has none: bool, float64 or int64, [g], for ALL [N]
    all_values  the same of all grains, [N]; None where the data have none
    """

    kind: str
    grains: str
    values: dict[float | None, np.ndarray]
    all_values: dict[float | None, np.ndarray] | None = None


def of_data(
    data: Any,
    thresholds: Sequence[float | None],
    kind: str = ABNORMAL,
    grains: str = CANDIDATE,
    aggregate: str = "mean",
    fraction: float = 0.5,
) -> Target:
    """The target of a feature table, or of a table of images.

    aggregate  mean, median, min or max of the growth runs is the growth ratio; or `fraction`, for ABNORMAL: a grain is
               abnormal if more than `fraction` of the runs is above the threshold
    Raises BadInput where the data do not have what is to be learned.
    """
    if kind == LABEL:
        if getattr(data, "label", None) is None:
            raise BadInput("target.kind label: the data set has no labelled images; choose abnormal or growth-ratio")
        return Target(kind, CANDIDATE, {None: np.asarray(data.label, np.int64)})
    if getattr(data, "label", None) is not None:
        raise BadInput(f"target.kind {kind}: the data set has labels and no growth; choose label")

    if kind == ABNORMAL and None in thresholds:
        raise BadInput("target.kind abnormal: a threshold is wanted; give the axis threshold")

    def values(ratios: list[np.ndarray]) -> dict[float | None, np.ndarray]:
        if kind == ABNORMAL:
            return {t: labels(ratios, t, aggregate, fraction) for t in thresholds}
        return {None: np.concatenate([np.atleast_1d(of) for of in aggregated(ratios, aggregate)]).astype(float)}

    everyone = values(data.grain_ratios()) if hasattr(data, "grain_ratios") else None
    if grains == ALL:
        if everyone is None:
            raise BadInput("target.grains all: pictures show one candidate each; choose candidate")
        return Target(kind, grains, everyone, everyone)
    return Target(kind, grains, values(data.candidate_ratios()), everyone)


def rows(target: Target, data: Any, inside: np.ndarray) -> np.ndarray:
    """Which of the target's values belong to some of the microstructures (bool [g]): bool [g], for ALL [N]."""
    return np.repeat(inside, np.diff(data.node_ptr)) if target.grains == ALL else inside


def labels(ratios: Sequence[np.ndarray], threshold: float, aggregate: str, fraction: float = 0.5) -> np.ndarray:
    """Abnormal or not, bool: one value for each entry of shape [runs], several for each of shape [runs, grains].

    Raises BadInput for an unknown aggregate.
    """
    if aggregate == "fraction":
        found = [np.atleast_1d(np.mean(one > threshold, axis=0) > fraction) for one in ratios]
    else:
        found = [np.atleast_1d(of > threshold) for of in aggregated(ratios, aggregate)]
    return np.concatenate([np.zeros(0, bool), *found])


def aggregated(ratios: Sequence[np.ndarray], aggregate: str) -> list[np.ndarray]:
    """The growth runs of each microstructure made one: of [runs] a number, of [runs, grains] an array [grains]."""
    if aggregate not in AGGREGATES:
        raise BadInput(f"aggregate {aggregate!r} is none of {', '.join([*AGGREGATES, 'fraction'])}")
    return [AGGREGATES[aggregate](one, axis=0) for one in ratios]
