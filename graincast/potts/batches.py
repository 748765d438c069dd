"""Batches of a simulated data set's initial states, one per job."""


def batches(microstructures: int, batch: int) -> dict[str, tuple[int, int]]:
    """The first and last state (counted from 1) of each batch: {"0000": (1, 25), "0001": (26, 50), …}."""
    starts = range(0, microstructures, batch)
    return {f"{i:04d}": (start + 1, min(start + batch, microstructures)) for i, start in enumerate(starts)}
