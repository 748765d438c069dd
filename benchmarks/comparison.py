"""The same work done in two ways, by turns in one process: the project's own and a reference that is plain or usual."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import results

FASTER = "times faster"


def in_turn(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    repeats: int,
    clock: Callable[[], float] = time.process_time,
) -> tuple[list[float], list[float]]:
    """Seconds of both, by turns after one call of each that does not count: it compiles, or fills caches."""
    ours(), theirs()
    pairs = [(seconds(ours, clock), seconds(theirs, clock)) for _ in range(repeats)]
    return [own for own, _ in pairs], [other for _, other in pairs]


def seconds(call: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """CPU time of the process that a call takes; with time.perf_counter, wall-clock time."""
    start = clock()
    call()
    return clock() - start


def figures(ours: list[float], theirs: list[float], reference: str, unit: str = "CPU ms", scale: float = 1e3) -> dict:
    """What results.json holds of a comparison: seconds times `scale` are in `unit`; ratios are of each turn."""
    return {
        unit: results.spread([scale * value for value in ours]),
        f"{reference}, {unit}": results.spread([scale * value for value in theirs]),
        FASTER: results.spread([other / own for own, other in zip(ours, theirs, strict=True)]),
    }


def raw_data_root() -> Path:
    """Where the published data lie: RAW_DATA_ROOT, or ../shared/data beside the repository."""
    return Path(os.environ.get("RAW_DATA_ROOT", Path(__file__).resolve().parents[2] / "shared" / "data"))
