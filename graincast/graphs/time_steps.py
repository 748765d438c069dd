"""Selection of a growth run's records: all, the first and last, evenly spaced ones, or those at listed times.

SPPARKS and the simulator record at the first flip at or after the requested time. A record for 20000 MCS may thus be
at 20000.045, and differ between growth runs; with few grains left, delays of 55 MCS occur.
"""

import math
from dataclasses import replace

import numpy as np

from graincast.microstructure import BadInput, Microstructure

ALL, FIRST_LAST = "all", "first-last"
SAME = 1e-6  # relative tolerance, for times written with fewer digits
LATE = 0.01  # largest delay of a record, as a fraction of the interval since the previous one


def check(time_steps: str | dict) -> None:
    """Raise BadInput unless this is "all", "first-last", {"evenly": n} or {"times": [ascending times]}."""
    if time_steps in (ALL, FIRST_LAST):
        return
    kind, value = (
        next(iter(time_steps.items())) if isinstance(time_steps, dict) and len(time_steps) == 1 else ("", None)
    )
    if kind == "evenly" and type(value) is int and value >= 2:
        return
    if kind != "times" or not (isinstance(value, list) and value and all(type(time) in (int, float) for time in value)):
        raise BadInput(f"{time_steps!r} is none of all, first-last, {{evenly: 2 or more}}, {{times: [times]}}")
    if not (np.diff(value) > 0).all():
        raise BadInput(f"the times {value} do not ascend")
    if value[-1] <= 0:
        raise BadInput(f"the times {value} end at the start; a growth run needs a later record")


def kept_records(times: np.ndarray, time_steps: str | dict) -> np.ndarray:
    """Indices int64 of the records to keep, ascending; always with the first.

    times       float64 [records], ascending, Monte Carlo steps
    time_steps  "all", "first-last", {"evenly": n} (by number, not by time) or {"times": [ascending times]}

    A listed time selects the record at that time, or else the next one if its delay is at most LATE times the interval
    since the record before it. Raises BadInput if a listed time has no record, or there are fewer than n records.
    """
    last = times.size - 1
    if time_steps == ALL:
        return np.arange(times.size)
    if time_steps == FIRST_LAST:
        return np.array([0, last])
    assert isinstance(time_steps, dict)  # as `check` makes sure
    if "evenly" in time_steps:
        n = time_steps["evenly"]
        if n > times.size:
            raise BadInput(f"{n} time steps are to be kept, but {_recorded(times)}")
        return (2 * np.arange(n) * last + n - 1) // (2 * (n - 1))  # the nearest integers to n points from 0 to `last`
    records = {0, *(_record_at(times, time) for time in time_steps["times"])}
    if records == {0}:
        raise BadInput(f"the only time step kept is the first; {_recorded(times)}")
    return np.array(sorted(records))


def reduced(microstructure: Microstructure, time_steps: str | dict) -> Microstructure:
    """A microstructure with only the kept records of each growth run. Raises BadInput as `kept_records` does."""
    if time_steps == ALL:
        return microstructure
    times, areas = [], []
    for run, time, area in zip(microstructure.runs, microstructure.times, microstructure.areas, strict=True):
        try:
            records = kept_records(time, time_steps)
        except BadInput as error:
            raise BadInput(f"growth run {run}: {error}" if len(microstructure.times) > 1 else str(error)) from None
        times.append(time[records])
        areas.append(area[records])
    return replace(microstructure, times=times, areas=areas)


def ascending(times: np.ndarray, areas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Times float64 [records] and areas [records, n] without records that repeat the one before.

    A second `run` of SPPARKS repeats the last record. Raises BadInput if the times of the others do not ascend, as
    where a time is repeated with other areas, or are not finite.
    """
    if not (times[1:] > times[:-1]).all():
        again = np.flatnonzero(times[1:] == times[:-1]) + 1
        again = again[(areas[again] == areas[again - 1]).all(axis=1)]
        times, areas = np.delete(times, again), np.delete(areas, again, axis=0)
        if not (times[1:] > times[:-1]).all():
            raise BadInput("times do not ascend")
    if times.size < 2:
        raise BadInput(f"a growth run of {times.size} records is too short; at least 2 are needed")
    if not (math.isfinite(times[0]) and math.isfinite(times[-1])):
        raise BadInput("times do not ascend, or are not finite")
    return times, areas


def _record_at(times: np.ndarray, requested: float) -> int:
    """Index of the record for a time. Raises BadInput if there is none."""
    nearest = int(np.abs(times - requested).argmin())
    if abs(times[nearest] - requested) <= SAME * abs(requested):
        return nearest
    after = int(np.searchsorted(times, requested))
    if 0 < after < times.size and times[after] - requested <= LATE * (times[after] - times[after - 1]):
        return after
    raise BadInput(f"no record at {requested:.12g} MCS, the nearest is at {times[nearest]:.12g}; {_recorded(times)}")


def _recorded(times: np.ndarray) -> str:
    return f"the growth run has {times.size} records from {times[0]:.12g} to {times[-1]:.12g} MCS"
