"""What a growth run costs, as foreseen from its initial state."""

import numpy as np

from graincast.microstructure import CANDIDATE, HIGH_MOBILITY


def cost(labels: np.ndarray, grain_type: np.ndarray) -> float:
    """A forecast of the accepted flips of a growth run, relative to that of other states of the same kind.

    It is √(candidate area) · (Σ 1 / distance²)^1.5, the sum over red sites, by distance to the candidate's centre: most
    flips are those of a candidate that grows into red grains, which it does where they are many and near. Growth time,
    temperature and size belong to the kind. How well it does: benchmarks/potts_batches.py.

    labels      int [rows, columns], periodic, one candidate grain
    grain_type  int8 [n + 1] by grain id
    """
    kind = grain_type[labels]
    candidate, red = kind == CANDIDATE, kind == HIGH_MOBILITY
    squared = np.zeros(labels.shape)
    for axis, (size, at) in enumerate(zip(labels.shape, np.nonzero(candidate), strict=True)):
        centre = np.angle(np.exp(2j * np.pi / size * at).mean()) * size / (2 * np.pi)  # on the torus
        away = (np.arange(size) - centre + size / 2) % size - size / 2
        squared += (away**2).reshape([-1 if one == axis else 1 for one in range(labels.ndim)])
    nearness = (red / np.maximum(squared, 1)).sum()
    least = 1 / labels.size  # less than that of one red site: without red grains, growth costs little, not nothing
    # six digits, so that sums in another order give the same
    return float(f"{np.sqrt(candidate.sum()) * max(nearness, least) ** 1.5:.6g}")
