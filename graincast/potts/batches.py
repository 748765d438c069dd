"""Batches of a simulated data set's initial states, one per job: consecutive states, or balanced within blocks.

A block is a number of consecutive batches whose states are shared out by forecast cost, once they are made. It depends
on no other block.
"""

from collections.abc import Mapping, Sequence

import numpy as np


def batches(microstructures: int, batch: int) -> dict[str, tuple[int, int]]:
    """The first and last state (counted from 1) of each batch: {"0000": (1, 25), "0001": (26, 50), …}."""
    starts = range(0, microstructures, batch)
    return {f"{i:04d}": (start + 1, min(start + batch, microstructures)) for i, start in enumerate(starts)}


def blocks(of_states: Mapping[str, tuple[int, int]], size: int) -> dict[str, dict[str, tuple[int, int]]]:
    """The batches of each block of `size` batches, the last of which may have fewer: {"0000": {"0000": (1, 25), …}}."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for batch, states in of_states.items():
        found.setdefault(block_of(batch, size), {})[batch] = states
    return found


def block_of(batch: str, size: int) -> str:
    """The block of a batch: that of "0017" is "0002", in blocks of 8."""
    return f"{int(batch) // size:04d}"


def shared_out(cost: Sequence[float], jobs: int, most: int) -> list[list[int]]:
    """The states of each job, by index, ascending, so that the jobs' costs are much alike.

    The costliest state first, each goes to the job with least so far that is not full (longest processing time first:
    Graham, SIAM J. Appl. Math. 17, 1969). States of equal cost go by index.

    cost  of each state, above 0; there are at least as many as jobs, so that none is empty
    most  states that a job may have
    """
    load = np.zeros(jobs)
    shares: list[list[int]] = [[] for _ in range(jobs)]
    for state in np.argsort(-np.asarray(cost, np.float64), kind="stable").tolist():
        job = int(np.argmin(load))
        shares[job].append(state)
        load[job] = np.inf if len(shares[job]) == most else load[job] + cost[state]
    return [sorted(share) for share in shares]
