"""What is learned: does the candidate grow abnormally, its growth ratio (CGR, final / initial area) above a threshold?

Growth runs from one initial state differ, so their growth ratios are aggregated first. "Above" is strict throughout.
"""

from collections.abc import Sequence

import numpy as np

from graincast.microstructure import BadInput

AGGREGATES = {"mean": np.mean, "median": np.median, "min": np.min, "max": np.max}


def labels(ratios: Sequence[np.ndarray], threshold: float, aggregate: str, share: float = 0.5) -> np.ndarray:
    """Abnormal or not for each microstructure, bool [g].

    ratios     the candidate's growth ratio in each growth run, float [runs] a microstructure
    aggregate  mean, median, min or max of the runs is compared with the threshold; or `share`: abnormal if more
               than `share` of the runs is above the threshold
    Raises BadInput for an unknown aggregate.
    """
    if aggregate == "share":
        return np.array([np.mean(one > threshold) > share for one in ratios], bool)
    if aggregate not in AGGREGATES:
        raise BadInput(f"aggregate {aggregate!r} is none of {', '.join([*AGGREGATES, 'share'])}")
    return np.array([AGGREGATES[aggregate](one) > threshold for one in ratios], bool)
