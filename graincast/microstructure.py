"""A periodic microstructure and the growth runs that start from it: what every reader returns."""

from dataclasses import dataclass

import numpy as np

CANDIDATE, LOW_MOBILITY, HIGH_MOBILITY = 0, 1, 2
"""Grain types: the candidate grain, low-mobility ("blue") and high-mobility ("red") grains."""


class BadInput(ValueError):
    """Unusable input. The message is one line; readers leave out the file name, which their caller adds."""


@dataclass(frozen=True)
class Microstructure:
    """The initial state of growth runs as a grain graph, n grains and m directed edges.

    name             unique within its data set, independent of where the data are stored
    group            name of the source microstructure, shared by all candidates of one map and all regrowths of one
                     state; the name itself where there is only one. Splits and bootstraps act on groups
    labels           int32 [height, width], periodic; node index + 1, or 0 outside the stored grains
    grain_id         int32 [n], the id in the raw data, ascending
    grain_type       int8 [n], CANDIDATE, LOW_MOBILITY or HIGH_MOBILITY
    candidate        bool [n], the candidate grain(s), whose growth is predicted
    edges            int32 [m, 2], node indices (source, target), both directions, sorted, no self loops
    boundary_length  int32 [m], unlike pairs of first- and second-neighbour sites along that boundary
    degree           int32 [n], number of neighbours before any k-hop cut
    runs             the name of each growth run, unique: "1", "2", … if the raw data do not name them
    times            one float64 [records] per growth run, Monte Carlo steps (MCS)
    areas            one int32 [records, n] per growth run, sites; record 0 is the initial state
    """

    name: str
    group: str
    labels: np.ndarray
    grain_id: np.ndarray
    grain_type: np.ndarray
    candidate: np.ndarray
    edges: np.ndarray
    boundary_length: np.ndarray
    degree: np.ndarray
    runs: list[str]
    times: list[np.ndarray]
    areas: list[np.ndarray]

    @property
    def candidate_index(self) -> int:
        """Node index of the candidate grain; the first, if there are several."""
        return int(self.candidate.argmax())

    @property
    def growth_ratios(self) -> np.ndarray:
        """Final over initial area of each grain in each growth run, float64 [runs, n]."""
        return np.reshape([area[-1] / area[0] for area in self.areas], (-1, self.grain_id.size))

    @property
    def candidate_growth_ratios(self) -> np.ndarray:
        """The candidate grain's growth ratio in each growth run, float64 [runs]."""
        return self.growth_ratios[:, self.candidate_index]
