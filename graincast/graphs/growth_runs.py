"""The choice among a microstructure's growth runs: the first few, or those of given names."""

from collections.abc import Sequence
from dataclasses import replace

from graincast.microstructure import BadInput, Microstructure


def chosen(microstructure: Microstructure, growth_runs: int | Sequence[str] | None) -> Microstructure:
    """A microstructure with the first `growth_runs` of its growth runs, or with those named; None: with all.

    A name may be written with or without "run_". Raises BadInput where a run is missing.
    """
    m = microstructure
    if growth_runs is None:
        return m
    there = ", ".join(m.runs) or "none"
    if isinstance(growth_runs, int):
        if growth_runs > len(m.runs):
            raise BadInput(f"{growth_runs} growth runs are to be kept, but it has {len(m.runs)} ({there})")
        index = list(range(growth_runs))
    else:
        short = [run.removeprefix("run_") for run in m.runs]
        wanted = [run.removeprefix("run_") for run in growth_runs]
        absent = [name for name, run in zip(growth_runs, wanted, strict=True) if run not in short]
        if absent:
            raise BadInput(f"no growth run {absent[0]} (it has {there})")
        index = [short.index(run) for run in wanted]
    times, areas = [m.times[i] for i in index], [m.areas[i] for i in index]
    return replace(m, runs=[m.runs[i] for i in index], times=times, areas=areas)
