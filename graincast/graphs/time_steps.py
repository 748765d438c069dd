"""Which records of a growth run are kept: all, the first and last, some evenly spaced, or those at listed times.

SPPARKS and the simulator record at the first flip at or after the time asked for, so that a record for 20000 MCS may
stand at 20000.045, and elsewhere in each growth run; with few grains left, delays of 55 MCS have been met.
"""

from dataclasses import replace

import numpy as np

from graincast.microstructure import BadInput, Microstructure

ALL, FIRST_LAST = "all", "first-last"
SAME = 1e-6  # relative difference of a time written with fewer digits
LATE = 0.01  # delay of a record, in intervals since the record before


def check(time_steps: str | dict) -> None:
    """Raise BadInput where this is none of "all", "first-last", {"evenly": n} and {"times": [ascending times]}."""
    if time_steps in (ALL, FIRST_LAST):
        return
    kind, value = (
        next(iter(time_steps.items())) if isinstance(time_steps, dict) and len(time_steps) == 1 else ("", None)
    )
    if kind == "evenly" and type(value) is int and value >= 2:
        return
    if kind != "times" or not (isinstance(value, list) and value and all(type(x) in (int, float) for x in value)):
        raise BadInput(f"{time_steps!r} is none of all, first-last, {{evenly: 2 or more}}, {{times: [times]}}")
    if not (np.diff(value) > 0).all():
        raise BadInput(f"the times {value} do not ascend")
    if value[-1] <= 0:
        raise BadInput(f"the times {value} end at the start; a growth run needs a later record")


def kept(times: np.ndarray, time_steps: str | dict) -> np.ndarray:
    """Indices int64 of the records to keep, ascending; the first record is always among them.

    times       float64 [records], ascending, Monte Carlo steps
    time_steps  "all", "first-last", {"evenly": n} (by number, not by time) or {"times": [ascending times]}

    A listed time means the record at it, or else the first one after it if that is late by no more than LATE of the
    interval since the record before. Raises BadInput where a listed time has none, or fewer than n are recorded.
    """
    last = times.size - 1
    if time_steps == ALL:
        return np.arange(times.size)
    if time_steps == FIRST_LAST:
        return np.array([0, last])
    if "evenly" in time_steps:
        n = time_steps["evenly"]
        if n > times.size:
            raise BadInput(f"{n} time steps are to be kept, but {_recorded(times)}")
        return (2 * np.arange(n) * last + n - 1) // (2 * (n - 1))  # the nearest integers to n points from 0 to `last`
    found = {0, *(_record_at(times, time) for time in time_steps["times"])}
    if found == {0}:
        raise BadInput(f"the only time step kept is the first; {_recorded(times)}")
    return np.array(sorted(found))


def reduced(microstructure: Microstructure, time_steps: str | dict) -> Microstructure:
    """A microstructure with the kept records of each growth run. Raises BadInput, see `kept`."""
    if time_steps == ALL:
        return microstructure
    times, areas = [], []
    for run, (time, area) in enumerate(zip(microstructure.times, microstructure.areas, strict=True), 1):
        try:
            records = kept(time, time_steps)
        except BadInput as error:
            raise BadInput(f"growth run {run}: {error}" if len(microstructure.times) > 1 else str(error)) from None
        times.append(time[records])
        areas.append(area[records])
    return replace(microstructure, times=times, areas=areas)


def _record_at(times: np.ndarray, wanted: float) -> int:
    """Index of the record for a time. Raises BadInput."""
    nearest = int(np.abs(times - wanted).argmin())
    if abs(times[nearest] - wanted) <= SAME * abs(wanted):
        return nearest
    after = int(np.searchsorted(times, wanted))
    if 0 < after < times.size and times[after] - wanted <= LATE * (times[after] - times[after - 1]):
        return after
    raise BadInput(f"no record at {wanted:.12g} MCS, the nearest is at {times[nearest]:.12g}; {_recorded(times)}")


def _recorded(times: np.ndarray) -> str:
    return f"the growth run has {times.size} records from {times[0]:.12g} to {times[-1]:.12g} MCS"
