"""Paths from the candidate grain that enter as few low-mobility ("blue") grains as possible."""

import numpy as np

from graincast.program.compiled import compiled


def blue_grains_entered(edges: np.ndarray, red: np.ndarray, candidate: int) -> np.ndarray:
    """The fewest blue grains that a path from the candidate to each of n grains enters, itself included, int64 [n].

    edges  int [m, 2], both directions, sorted by source
    red    bool [n]; every other grain but the candidate is blue
    -1 for a grain that no path reaches.
    """
    begin = np.searchsorted(edges[:, 0], np.arange(red.size + 1))
    return _entered(begin, edges[:, 1], red, candidate)


@compiled
def _entered(begin, target, red, candidate):
    """Breadth first: red neighbours join the grains of this level, blue ones wait for the next."""
    entered, met = np.full(red.size, -1), np.zeros(red.size, np.bool_)
    current, waiting = np.empty(red.size, np.int64), np.empty(red.size, np.int64)
    entered[candidate], current[0] = 0, candidate
    count, level = 1, 0
    while count:
        head, held = 0, 0
        while head < count:
            for k in range(begin[current[head]], begin[current[head] + 1]):
                other = target[k]
                if entered[other] < 0 and red[other]:
                    entered[other], current[count] = level, other
                    count += 1
                elif entered[other] < 0 and not met[other]:
                    met[other], waiting[held] = True, other
                    held += 1
            head += 1
        level += 1
        entered[waiting[:held]] = level
        current[:held] = waiting[:held]
        count = held
    return entered
