"""The candidate-grain simulation: initial microstructure, grain types, growth (DeCost & Holm 2017).

A. DeCost and E. Holm, "Phenomenology of Abnormal Grain Growth in Systems with Nonuniform Grain Boundary Mobility",
Metallurgical and Materials Transactions A 48 (2017). Sites on a periodic square lattice with first and second
neighbours of equal weight; temperatures in units of one bond (kT / J), times in Monte Carlo steps (MCS).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY
from graincast.potts.lattice import Lattice

Report = Callable[[float, float], None]
"""Called a few times a second with the Monte Carlo steps done and their total."""

_DRAWS_BETWEEN_REPORTS = 1 << 21
_INITIALISE, _QUENCH, _TYPES, _GROW = range(4)


@dataclass(frozen=True)
class Growth:
    """One growth run.

    times      float64 [records], MCS; the first is 0, the last the end of the run
    areas      int32 [records, n + 1], sites by grain id; column 0 is zero
    labels     int32 [rows, columns], the final state
    events     accepted flips
    snapshots  int32 [records, rows, columns], the state at each record; None unless they were asked for
    """

    times: np.ndarray
    areas: np.ndarray
    labels: np.ndarray
    events: int
    snapshots: np.ndarray | None = None


def initialise(
    size: int,
    *,
    temperature: float,
    time: float,
    quench_temperature: float,
    quench_time: float,
    seed: int,
    report: Report | None = None,
) -> np.ndarray:
    """A microstructure grown from one grain per site at mobility 1, then quenched to remove thermal specks.

    Returns labels int32 [size, size], grain ids 1..n without gaps, in the order of first sites. Stages of zero time are
    skipped. Raises ValueError for a size below 4, a temperature that is not positive or a negative time.
    """
    if size < 4:
        raise ValueError(f"size must be at least 4, not {size}")
    labels = np.arange(1, size * size + 1, dtype=np.int32).reshape(size, size)
    total = time + quench_time
    stages = ((_INITIALISE, temperature, time, 0.0), (_QUENCH, quench_temperature, quench_time, time))
    for stage, kt, duration, before in stages:
        if duration < 0:
            raise ValueError(f"time must be 0 or more, not {duration}")
        if duration == 0:
            continue
        if kt <= 0:
            raise ValueError(f"temperature {kt} must be positive")

        def stage_report(done: float, _: float, before: float = before) -> None:
            if report:
                report(before + done, total)

        labels = _renumber(_normal_growth(labels, kt, duration, _stream(seed, stage), stage_report))
    return labels


def _normal_growth(
    labels: np.ndarray, temperature: float, duration: float, stream: np.random.SeedSequence, report: Report
) -> np.ndarray:
    """The labels after some time at mobility 1 everywhere. All else that the simulation takes is given back."""
    lattice = Lattice(
        labels,
        np.full(labels.max() + 1, LOW_MOBILITY, np.int8),
        temperature=temperature,
        min_mobility=1.0,
        uniform=True,
        record_times=np.array([0.0, duration]),
        stream=stream,
    )
    _run(lattice, report)
    return lattice.labels


def assign_types(labels: np.ndarray, red_fraction: float, seed: int) -> np.ndarray:
    """Grain types int8 [n + 1] by grain id, entry 0 unused (0): the largest grain is the candidate.

    Each other grain has high mobility ("red") with probability red_fraction, else low mobility ("blue"). Among largest
    grains of equal area, the lowest id is the candidate. Raises ValueError if red_fraction is not in 0..1.
    """
    if not 0 <= red_fraction <= 1:
        raise ValueError(f"red_fraction must lie in 0..1, not {red_fraction}")
    areas = np.bincount(labels.ravel())
    red = np.random.default_rng(_stream(seed, _TYPES)).random(len(areas)) < red_fraction
    grain_type = np.where(red, HIGH_MOBILITY, LOW_MOBILITY).astype(np.int8)
    grain_type[0] = 0
    grain_type[1 + areas[1:].argmax()] = CANDIDATE
    return grain_type


def grow(
    labels: np.ndarray,
    grain_type: np.ndarray,
    *,
    temperature: float,
    record_times: np.ndarray,
    min_mobility: float = 0.001,
    seed: int,
    uniform_mobility: bool = False,
    periodic: tuple[bool, bool] = (True, True),
    snapshots: bool = False,
    report: Report | None = None,
) -> Growth:
    """A growth run with mobility 1 between candidate and high-mobility grains and min_mobility elsewhere.

    labels            int [rows, columns], grain ids 1..n; a site of label 0 is inert: it never flips, and its
                      neighbours do as if it were not there
    grain_type        int8 [n + 1] by grain id
    record_times      ascending, MCS, from 0 to the end of the run; a record is taken at the first flip at or after its
                      time (at the time itself if no flip follows before the end), the last one at the end
    uniform_mobility  mobility 1 everywhere: normal grain growth
    periodic          whether the first and last row, and the first and last column, are neighbours; sites at any
                      other border have fewer neighbours
    snapshots         keep the labels at each record, for a film of the growth

    The same seed gives the same bytes. Raises ValueError for any other input, and where a periodic row or column has
    fewer than 3 sites.
    """
    labels, grain_type = np.asarray(labels), np.asarray(grain_type)
    record_times = np.asarray(record_times, np.float64)
    if labels.ndim != 2 or any(n < (3 if around else 1) for n, around in zip(labels.shape, periodic, strict=True)):
        raise ValueError(f"labels must be an image of at least 3 sites along each periodic axis, not {labels.shape}")
    if grain_type.ndim != 1 or labels.min() < 0 or labels.max() >= len(grain_type):
        raise ValueError(f"labels {labels.min()}..{labels.max()} do not fit {grain_type.size} grain types (ids from 1)")
    if not np.isin(grain_type[1:], (CANDIDATE, LOW_MOBILITY, HIGH_MOBILITY)).all():
        raise ValueError("grain types must be 0, 1 or 2")
    if temperature <= 0 or not 0 <= min_mobility <= 1:
        raise ValueError(f"temperature {temperature} must be positive and min_mobility {min_mobility} must lie in 0..1")
    if record_times.ndim != 1 or len(record_times) < 2 or record_times[0] != 0 or (np.diff(record_times) <= 0).any():
        raise ValueError("record times must ascend from 0 to the end of the run")
    lattice = Lattice(
        labels,
        grain_type,
        temperature=temperature,
        min_mobility=min_mobility,
        uniform=uniform_mobility,
        record_times=record_times,
        stream=_stream(seed, _GROW),
        periodic=periodic,
        snapshots=snapshots,
    )
    _run(lattice, report)
    return Growth(lattice.out_times, lattice.out_areas, lattice.labels, lattice.events, lattice.out_labels)


def _run(lattice: Lattice, report: Report | None) -> None:
    end = float(lattice.record_times[-1])
    while not lattice.advance(_DRAWS_BETWEEN_REPORTS):
        if report:
            report(lattice.time, end)
    if report:
        report(end, end)


def _renumber(labels: np.ndarray) -> np.ndarray:
    present, first = np.unique(labels, return_index=True)
    number = np.zeros(present[-1] + 1, np.int32)
    number[present[np.argsort(first)]] = np.arange(1, len(present) + 1)
    return number[labels]


def _stream(seed: int, stage: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(stage,))
