"""Growth runs on a coarsened map: nearly those of the map itself, at a fraction of the cost.

Each block of factor x factor sites has the label of most of its sites. Grain areas grow linearly in time, so a run on
the coarsened map takes 1 / factor² of the time, on as many times fewer sites.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from graincast.potts import protocol
from graincast.potts.protocol import Growth


def coarsened(labels: np.ndarray, factor: int, periodic: tuple[bool, ...]) -> np.ndarray:
    """Labels by majority in blocks of about factor x factor sites; the lowest of equally frequent ones.

    labels  int32 [rows, columns]; returns the same type, with at least 3 sites along each periodic axis
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


def grow(
    labels: np.ndarray,
    grain_type: np.ndarray,
    factor: int,
    *,
    record_times: np.ndarray,
    periodic: tuple[bool, bool] = (True, True),
    **options: Any,
) -> Growth:
    """A growth run on the map coarsened by a factor; parameters and errors are those of `protocol.grow`.

    Times are those of the whole map; labels and areas are in sites of the coarsened one. Grains without a block of
    their own have an area of 0 from the start.
    """
    coarse = coarsened(labels, factor, periodic) if factor > 1 else labels
    scale = labels.size / coarse.size
    times = np.asarray(record_times, np.float64) / scale
    grown = protocol.grow(coarse, grain_type, record_times=times, periodic=periodic, **options)
    return replace(grown, times=grown.times * scale)


def areas_of_map(grown: Growth, labels: np.ndarray) -> np.ndarray:
    """The areas of a growth run from the coarsened map in sites of the map itself, int32 [records, n + 1].

    Record 0 has the areas of the map; later ones are multiples of a block's, rounded down.
    """
    areas = np.floor(grown.areas * (labels.size / grown.labels.size)).astype(np.int32)
    areas[0] = np.bincount(labels.ravel(), minlength=areas.shape[1])
    areas[:, 0] = 0
    return areas
