"""A microstructure and the growth runs that start from it: what every reader returns."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

CANDIDATE, LOW_MOBILITY, HIGH_MOBILITY = 0, 1, 2
"""Grain types: the candidate grain, low-mobility ("blue") and high-mobility ("red") grains."""
NO_TYPE = -1
"""The type of grains of a map that gives none; a rule of the configuration does (graphs/samples.py)."""


class BadInput(ValueError):
    """Unusable input. The message is one line; readers leave out the file name, which their caller adds."""


@dataclass(frozen=True)
class GrainTable:
    """What a source knows of each of n grains besides its place.

    orientation  float64 [n, 4] or None, unit quaternions (x, y, z, w) that rotate sample axes to crystal axes, as
                 DREAM.3D and Bunge's Euler angles do (graphs/orientations.py)
    phase        int32 [n] or None, the phase's number in the source
    laue         int8 [n] or None, the crystal's Laue group, an index of graphs/laue_groups.LAUE_GROUPS
    columns      further columns by name, float64 [n] or text [n]
    """

    orientation: np.ndarray | None = None
    phase: np.ndarray | None = None
    laue: np.ndarray | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    def rows(self, index: np.ndarray) -> "GrainTable":
        """The rows of some grains: a mask or node indices."""
        orientation, phase, laue = (
            None if values is None else values[index] for values in (self.orientation, self.phase, self.laue)
        )
        return GrainTable(orientation, phase, laue, {key: values[index] for key, values in self.columns.items()})


@dataclass(frozen=True)
class Microstructure:
    """The initial state of growth runs as a grain graph, n grains and m directed edges.

    name             unique within its data set, independent of where the data are stored
    group            name of the source microstructure, shared by all candidates of one map and all regrowths of one
                     state; the name itself where there is only one. Splits and bootstraps act on groups
    labels           int32 [height, width]; node index + 1, or 0 where there is no grain: pores, sites that could not
                     be indexed, and all that lies outside a k-hop subgraph
    grain_id         int32 [n], the id in the raw data, ascending
    grain_type       int8 [n], CANDIDATE, LOW_MOBILITY or HIGH_MOBILITY; NO_TYPE before a rule has given them
    candidate        bool [n], the candidate grain, whose growth is predicted; none before a rule has chosen it
    edges            int32 [m, 2], node indices (source, target), both directions, sorted, no self loops
    boundary_length  int32 [m], unlike pairs of first- and second-neighbour sites along that boundary
    degree           int32 [n], number of neighbours before any k-hop cut
    runs             the name of each growth run, unique: "1", "2", … if the raw data do not name them; may be empty
    times            one float64 [records] per growth run, Monte Carlo steps (MCS)
    areas            one int32 [records, n] per growth run, sites; record 0 is the initial state
    periodic         for each axis, whether sites at one end touch those at the other
    spacing          distance of neighbouring sites, µm; None if unknown
    grains           what else the source knows of each grain; None: nothing
    map_mean_area    mean area of the map's grains before a k-hop cut, sites; None: that of the grains that are here
    note             what its user should know of how it was read, one line, such as why it has no growth run
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
    periodic: tuple[bool, ...] = (True, True)
    spacing: float | None = None
    grains: GrainTable | None = None
    map_mean_area: float | None = None
    note: str = ""

    @property
    def candidate_index(self) -> int:
        """Node index of the candidate grain."""
        return int(self.candidate.argmax())

    @property
    def type_by_label(self) -> np.ndarray:
        """The type of each grain by its label, int8 [n + 1], as the simulator takes it; entry 0 stands for no grain."""
        return np.concatenate([np.zeros(1, np.int8), self.grain_type])

    @functools.cached_property
    def area(self) -> np.ndarray:
        """The initial area of each grain, int32 [n], sites."""
        if self.areas:
            return self.areas[0][0]
        return np.bincount(self.labels.ravel(), minlength=self.grain_id.size + 1)[1:].astype(np.int32)

    @property
    def mean_area(self) -> float:
        """The mean area of the map's grains, sites."""
        return float(self.area.mean()) if self.map_mean_area is None else self.map_mean_area

    @functools.cached_property
    def border(self) -> np.ndarray:
        """Whether each grain lies at an end of a non-periodic axis, where the map cuts it off, bool [n]."""
        at_border = np.zeros(self.grain_id.size + 1, bool)
        for axis, periodic in enumerate(self.periodic):
            if not periodic:
                at_border[np.take(self.labels, [0, -1], axis)] = True
        return at_border[1:]

    @property
    def growth_ratios(self) -> np.ndarray:
        """Final over initial area of each grain in each growth run, float64 [runs, n]."""
        return np.reshape([area[-1] / area[0] for area in self.areas], (-1, self.grain_id.size))

    @property
    def candidate_growth_ratios(self) -> np.ndarray:
        """The candidate grain's growth ratio in each growth run, float64 [runs]."""
        return self.growth_ratios[:, self.candidate_index]
