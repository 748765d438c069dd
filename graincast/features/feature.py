"""What a feature is: a function of a microstructure, with its unit and formula."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from graincast.microstructure import Microstructure

T = TypeVar("T")
SHIFT, ROTATION, REFLECTION = "shift", "rotation", "reflection"
SYMMETRIES = (SHIFT, ROTATION, REFLECTION)
"""Operations on a periodic label image: cyclic shifts, rotations by 90 degrees, and mirror images."""

BOUNDARY_LENGTH = "boundary_length"
"""The edge feature of a set that names none; here, so that what reads tables does not run the table of features."""


class Measured:
    """A microstructure, and measures of it that several features share, each computed once.

    microstructure  n grains, m directed edges
    of_map          the measured map that the microstructure is a candidate's part of, whose shapes are measured once
    """

    def __init__(self, microstructure: Microstructure, of_map: "Measured | None" = None) -> None:
        self.microstructure, self._of_map = microstructure, of_map
        self._shared: dict[Callable[[Measured], Any], Any] = {}

    def shared(self, measure: "Callable[[Measured], T]") -> T:
        """What a function returns of this, computed once for all features that ask for it."""
        if measure not in self._shared:
            self._shared[measure] = measure(self)
        return self._shared[measure]

    @functools.cached_property
    def shapes(self) -> dict[str, np.ndarray]:
        """The shape of each grain, float64 [n], by name (see regionprops.measure)."""
        from graincast.features.regionprops import measure  # compiled; only features of shape need it

        m = self.microstructure
        if self._of_map is None:
            return measure(m.labels, m.grain_id.size, m.periodic)
        rows = np.searchsorted(self._of_map.microstructure.grain_id, m.grain_id)
        return {name: values[rows] for name, values in self._of_map.shapes.items()}


@dataclass(frozen=True)
class Feature:
    """A feature of each grain or of each directed edge.

    function     returns the feature from a measured microstructure, [n] for grains, [m] for edges
    unit         such as "sites"; "" for a number without unit
    formula      what it is, in a line, for the documentation
    invariances  operations on the label image that leave it unchanged
    """

    function: Callable[[Measured], np.ndarray]
    unit: str
    formula: str
    invariances: tuple[str, ...] = SYMMETRIES
