"""Features from coarse growth runs: the simulator itself predicts how the candidate grows, at a fraction of the cost.

The map is coarsened by a power of two (see potts/coarse.py), until its mean grain has about GRAIN sites. Records are
taken at fractions of the duration of the state's own growth runs; without any, of DURATION for each site of the mean
grain. Mobility 1 between the candidate and red grains, kT = 0.9 (DeCost & Holm 2017). Sites of no grain are inert, so a
graph that was cut by hops is simulated as if there were no grains beyond.
"""

import functools
import importlib
import math
from collections.abc import Callable

import numpy as np

from graincast.features.feature import Feature, Measured

SIMULATOR = "graincast.potts.coarse"
GRAIN = 37.0
"""Mean grain area of a coarsened map, sites: 512² sites with 440 grains coarsened by 4."""
RUNS = 16
FRACTIONS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""When areas are recorded, of the duration of growth: later records tell little more, and cost most."""
DURATION = 6700.0
"""MCS per site of the mean grain: 4,000,000 MCS on 512² sites with 440 grains."""
TEMPERATURE, MIN_MOBILITY = 0.9, 0.001
"""kT and the low mobility of the published simulations."""
VANISHED = 0.05
"""Added to the mean area ratio before its logarithm, which counts for a candidate that has vanished in all runs."""


def growth(measured: Measured) -> np.ndarray:
    """ln(mean over the runs of the candidate's area ratio + VANISHED) at each of FRACTIONS, float64 [5].

    The mean of the ratio, rather than of its logarithm, which runs in which the candidate vanishes would govern: they
    are as normal as those in which it merely stays.
    """
    coarse = importlib.import_module(SIMULATOR)  # by name: an edit of it changes these features, and no others
    m = measured.microstructure
    around = (m.periodic[0], m.periodic[1])
    factor = 2 ** max(0, round(math.log2(m.mean_area / GRAIN) / 2))
    duration = float(m.times[0][-1]) if m.times else DURATION * m.mean_area
    areas = [
        coarse.grow(
            m.labels,
            m.type_by_label,
            factor,
            temperature=TEMPERATURE,
            min_mobility=MIN_MOBILITY,
            record_times=np.array([0.0, *FRACTIONS]) * duration,
            periodic=around,
            seed=seed,
        ).areas[:, m.candidate_index + 1]
        for seed in range(RUNS)
    ]
    before, *after = np.mean(areas, axis=0)
    return np.log(np.array(after) / max(1, before) + VANISHED)


def _at_candidate(measured: Measured, record: int) -> np.ndarray:
    values = np.zeros(measured.microstructure.grain_id.size)
    values[measured.microstructure.candidate_index] = measured.shared(growth)[record]
    return values


def _at(record: int) -> Callable[[Measured], np.ndarray]:
    return functools.partial(_at_candidate, record=record)


COARSE_FEATURES = {
    "coarse_growth1": Feature(
        _at(0), "", "ln(mean area ratio of coarse growth runs + 0.05), after 1/32 of the duration of growth", ()
    ),
    "coarse_growth2": Feature(_at(1), "", "the same after 1/16", ()),
    "coarse_growth3": Feature(_at(2), "", "the same after 1/8", ()),
    "coarse_growth4": Feature(_at(3), "", "the same after 1/4", ()),
    "coarse_growth5": Feature(_at(4), "", "the same after 1/2", ()),
}
