"""Features from coarse growth runs: the simulator itself predicts how the candidate grows, at a fraction of the cost.

The map is coarsened by a power of two, until its mean grain has about GRAIN sites; each block has the label of most of
its sites. Grain areas grow linearly in time, so the runs on a map coarsened by c take 1 / c² of the time. Records are
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

SIMULATOR = "graincast.potts.protocol"
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


def coarsened(labels: np.ndarray, factor: int, periodic: tuple[bool, ...]) -> np.ndarray:
    """Labels by majority in blocks of about factor x factor sites; the lowest of equally frequent ones.

    labels  int [rows, columns]; returns the same type, with at least 3 sites along each periodic axis
    """
    sizes = [
        min(size, max(round(size / factor), 3 if around else 1))
        for size, around in zip(labels.shape, periodic, strict=True)
    ]
    row, column = (np.arange(old) * new // old for old, new in zip(labels.shape, sizes, strict=True))
    block = row[:, None] * sizes[1] + column
    kinds = int(labels.max()) + 1
    pair, count = np.unique(block.astype(np.int64) * kinds + labels, return_counts=True)
    order = np.lexsort((pair, -count, pair // kinds))
    first = np.unique(pair[order] // kinds, return_index=True)[1]
    return (pair[order][first] % kinds).astype(labels.dtype).reshape(sizes)


def growth(measured: Measured) -> np.ndarray:
    """ln(mean over the runs of the candidate's area ratio + VANISHED) at each of FRACTIONS, float64 [5].

    The mean of the ratio, rather than of its logarithm, which runs in which the candidate vanishes would govern: they
    are as normal as those in which it merely stays.
    """
    protocol = importlib.import_module(SIMULATOR)  # by name: an edit of it changes these features, and no others
    m = measured.microstructure
    around = (m.periodic[0], m.periodic[1])
    factor = 2 ** max(0, round(math.log2(m.mean_area / GRAIN) / 2))
    labels = coarsened(m.labels, factor, around)
    candidate = m.candidate_index + 1
    duration = float(m.times[0][-1]) if m.times else DURATION * m.mean_area
    record_times = np.array([0.0, *FRACTIONS]) * duration * labels.size / m.labels.size
    ratios = [
        protocol.grow(
            labels,
            m.type_by_label,
            temperature=TEMPERATURE,
            min_mobility=MIN_MOBILITY,
            record_times=record_times,
            periodic=around,
            seed=seed,
        ).areas[1:, candidate]
        for seed in range(RUNS)
    ]
    before = max(1, np.count_nonzero(labels == candidate))
    return np.log(np.array(ratios).mean(axis=0) / before + VANISHED)


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
