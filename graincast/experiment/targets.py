"""Training targets, from growth ratios (final / initial area) or from the classes of labelled images.

Growth runs from one initial state differ, so their growth ratios are aggregated first. "Above" always means strictly
above.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graincast.microstructure import BadInput

AGGREGATES: dict[str, Callable[..., Any]] = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}
ABNORMAL, GROWTH_RATIO, LABEL = "abnormal", "growth-ratio", "label"
CANDIDATE, ALL = "candidate", "all"


@dataclass(frozen=True)
class Target:
    """The target values of g microstructures (or images) with N grains in all.

    kind        ABNORMAL (is the growth ratio above a threshold?), GROWTH_RATIO or LABEL (the class of an image)
    grains      whose growth: CANDIDATE (one value per microstructure) or ALL
    values      {threshold: bool, float64 or int64 [g], for ALL [N]}; the key is None for a kind without thresholds
    all_values  the same for all grains, [N]; None if the data have candidates only
    soft        {threshold: fraction of growth runs above it, float64 in the shape of the values}, which training learns
                in place of the values; None if it learns the values
    all_soft    the same for all grains
    """

    kind: str
    grains: str
    values: dict[float | None, np.ndarray]
    all_values: dict[float | None, np.ndarray] | None = None
    soft: dict[float | None, np.ndarray] | None = None
    all_soft: dict[float | None, np.ndarray] | None = None

    @property
    def learned(self) -> dict[float | None, np.ndarray]:
        """The values that training learns."""
        return self.values if self.soft is None else self.soft

    @property
    def all_learned(self) -> dict[float | None, np.ndarray] | None:
        """The same for all grains."""
        return self.all_values if self.soft is None else self.all_soft


def of_data(
    data: Any,
    thresholds: Sequence[float | None],
    kind: str = ABNORMAL,
    grains: str = CANDIDATE,
    aggregate: str = "mean",
    fraction: float = 0.5,
    soft: bool = False,
) -> Target:
    """The target of a feature table or a vision table.

    aggregate  how growth runs combine into one growth ratio: mean, median, min or max; or "fraction", for ABNORMAL:
               a grain is abnormal if more than `fraction` of its runs are above the threshold
    soft       whether training learns the fraction of runs above the threshold, for ABNORMAL; what is predicted is
               measured against the aggregate all the same
    Raises BadInput if the data lack the values that the target needs.
    """
    if soft:
        _check_soft(data, kind)
    if kind == LABEL:
        if getattr(data, "label", None) is None:
            raise BadInput("target.kind label: the data set has no labelled images; choose abnormal or growth-ratio")
        return Target(kind, CANDIDATE, {None: np.asarray(data.label, np.int64)})
    if getattr(data, "label", None) is not None:
        raise BadInput(f"target.kind {kind}: the data set has labels but no growth; choose label")

    if kind == ABNORMAL and None in thresholds:
        raise BadInput("target.kind abnormal: needs a threshold; add the axis threshold to the grid")

    def values(ratios: list[np.ndarray]) -> dict[float | None, np.ndarray]:
        if kind == ABNORMAL:
            return {t: labels(ratios, t, aggregate, fraction) for t in thresholds if t is not None}
        return {None: np.concatenate([np.atleast_1d(ratio) for ratio in aggregated(ratios, aggregate)]).astype(float)}

    def fractions(ratios: list[np.ndarray]) -> dict[float | None, np.ndarray] | None:
        return {t: fractions_above(ratios, t) for t in thresholds if t is not None} if soft else None

    of_all = data.grain_ratios() if hasattr(data, "grain_ratios") else None
    all_values, all_soft = (None, None) if of_all is None else (values(of_all), fractions(of_all))
    if grains == ALL:
        if all_values is None:
            raise BadInput("target.grains all: a vision set has candidates only; choose candidate")
        return Target(kind, grains, all_values, all_values, all_soft, all_soft)
    of_candidates = data.candidate_ratios()
    return Target(kind, grains, values(of_candidates), all_values, fractions(of_candidates), all_soft)


def _check_soft(data: Any, kind: str) -> None:
    """Raise BadInput where the fraction of runs above a threshold is not defined, or always 0 or 1."""
    if kind != ABNORMAL:
        raise BadInput(f"target.soft: no fraction of growth runs for kind {kind}; it is for abnormal")
    if max((len(ratios) for ratios in data.candidate_ratios()), default=0) < 2:
        raise BadInput("target.soft: no state has several growth runs; remove it, or add growth runs")


def rows(target: Target, data: Any, inside: np.ndarray) -> np.ndarray:
    """Mask of the target values that belong to the microstructures in `inside` (bool [g]): bool [g], for ALL [N]."""
    return np.repeat(inside, np.diff(data.node_ptr)) if target.grains == ALL else inside


def labels(ratios: Sequence[np.ndarray], threshold: float, aggregate: str, fraction: float = 0.5) -> np.ndarray:
    """Abnormal or not, bool: one value per entry of shape [runs], one per grain for shape [runs, grains].

    Raises BadInput for an unknown aggregate.
    """
    if aggregate == "fraction":
        abnormal = [np.atleast_1d(np.mean(ratio > threshold, axis=0) > fraction) for ratio in ratios]
    else:
        abnormal = [np.atleast_1d(ratio > threshold) for ratio in aggregated(ratios, aggregate)]
    return np.concatenate([np.zeros(0, bool), *abnormal])


def fractions_above(ratios: Sequence[np.ndarray], threshold: float) -> np.ndarray:
    """The fraction of growth runs above the threshold, float64; one value per entry or grain, as for `labels`."""
    return np.concatenate([np.zeros(0), *(np.atleast_1d(np.mean(ratio > threshold, axis=0)) for ratio in ratios)])


def aggregated(ratios: Sequence[np.ndarray], aggregate: str) -> list[np.ndarray]:
    """Growth ratios aggregated over the runs of each microstructure: [runs] to a number, [runs, grains] to [grains]."""
    if aggregate not in AGGREGATES:
        raise BadInput(f"aggregate {aggregate!r} is none of {', '.join([*AGGREGATES, 'fraction'])}")
    return [AGGREGATES[aggregate](ratio, axis=0) for ratio in ratios]
