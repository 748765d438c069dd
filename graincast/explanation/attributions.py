"""What each grain's features added to a prediction, from the baseline on: attributions that sum to the prediction.

What is explained is the logit of abnormal growth, or the growth ratio. The baseline is the model's output where every
feature has its mean over the training data. Of an ensemble, outputs and attributions are means over folds and members.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TOLERANCE = 0.01
"""The largest part of a prediction's difference from its baseline that attributions may leave unexplained."""
CANCELLED = 0.1
"""A difference counts as at least this part of the sizes of its attributions, which may cancel each other."""

ROUNDING = 1e-9


@dataclass(frozen=True)
class Attributions:
    """The attributions of g microstructures with N grains in all, whose rows are those of a feature table.

    columns   the features of grains, then those of boundaries, which count for the grain on the other side
    nodes     float64 [N, columns]  what each grain's feature added
    baseline  float64 [g]
    output    float64 [g]           what the attributions and the baseline sum to
    node_ptr  int64 [g + 1]         first row of each microstructure
    """

    columns: list[str]
    nodes: np.ndarray
    baseline: np.ndarray
    output: np.ndarray
    node_ptr: np.ndarray

    @property
    def totals(self) -> np.ndarray:
        """The sum of the attributions of each microstructure, float64 [g]."""
        return np.add.reduceat(self.nodes.sum(axis=1), self.node_ptr[:-1])

    @property
    def residual(self) -> np.ndarray:
        """What the attributions leave unexplained, float64 [g]."""
        return self.output - self.baseline - self.totals

    @property
    def allowed(self) -> np.ndarray:
        """The largest residual that is not worth a word, float64 [g]."""
        sizes = np.add.reduceat(np.abs(self.nodes).sum(axis=1), self.node_ptr[:-1])
        return TOLERANCE * np.maximum(np.abs(self.output - self.baseline), CANCELLED * sizes) + ROUNDING


def mean(found: Sequence[Attributions]) -> Attributions:
    """The mean over models of the same features."""
    nodes, baseline, output = (
        np.mean([getattr(one, field) for one in found], axis=0) for field in ("nodes", "baseline", "output")
    )
    return Attributions(found[0].columns, nodes, baseline, output, found[0].node_ptr)
