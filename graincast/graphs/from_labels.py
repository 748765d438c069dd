"""A map's microstructure from its label image: what readers of maps without growth share."""

from collections.abc import Callable

import numpy as np

from graincast.graphs.boundaries import adjacency
from graincast.microstructure import NO_TYPE, BadInput, GrainTable, Microstructure

NO_GRAIN = 0
"""The label of sites that belong to no grain."""


def from_labels(
    name: str,
    labels: np.ndarray,
    periodic: tuple[bool, ...],
    spacing: float | None = None,
    grains: Callable[[np.ndarray], GrainTable] | None = None,
) -> Microstructure:
    """A microstructure without growth runs, types or candidate.

    labels   integers [height, width]; a grain's id, or 0 where there is no grain
    spacing  distance of neighbouring sites, µm
    grains   returns the table of the grains with these ids, int32 [n], ascending
    Raises BadInput for an image without grains, or ids that are negative or too large.
    """
    if labels.ndim != 2 or 0 in labels.shape:
        raise BadInput(f"a label image of shape {list(labels.shape)} is not a plane with sites")
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= 2**31:
        raise BadInput(f"grain id {low if low < 0 else high} is below 0 or beyond 32 bits")
    if high == NO_GRAIN:
        raise BadInput("no grains: all labels are 0")
    ids, index = np.unique(labels, return_inverse=True)
    no_grain = ids[0] == NO_GRAIN
    ids = ids[1:] if no_grain else ids
    contiguous = (index.reshape(labels.shape) + (not no_grain)).astype(np.int32)
    n = ids.size
    edges, length = adjacency(contiguous, n, periodic)
    return Microstructure(
        name=name,
        group=name,
        labels=contiguous,
        grain_id=ids.astype(np.int32),
        grain_type=np.full(n, NO_TYPE, np.int8),
        candidate=np.zeros(n, bool),
        edges=edges,
        boundary_length=length,
        degree=np.bincount(edges[:, 0], minlength=n).astype(np.int32),
        runs=[],
        times=[],
        areas=[],
        periodic=periodic,
        spacing=spacing,
        grains=grains(ids.astype(np.int32)) if grains else None,
    )
