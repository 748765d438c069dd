"""Propagation for simple graph convolution: features averaged K times over neighbours.

S = D^-1/2 (A + I) D^-1/2 of each graph, with D the degrees of A + I (Wu et al. 2019, arXiv 1902.07153).
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse

from graincast.features.table import FeatureTable
from graincast.training import normalisation


def adjacency(table: FeatureTable) -> scipy.sparse.csr_array:
    """S of all graphs as one block-diagonal matrix, float64 [N, N]."""
    n = len(table.x)
    source, target = table.flat_edges.T
    a = scipy.sparse.coo_array((np.ones(source.size), (target, source)), shape=(n, n)).tocsr()
    a += scipy.sparse.eye_array(n, format="csr")
    root = 1 / np.sqrt(a.sum(axis=1))
    return a.multiply(root[:, None]).multiply(root[None, :]).tocsr()


def propagated(table: FeatureTable, propagation_steps: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """S^K X and S^K 1 at the candidates, for each K of `propagation_steps`: float64 [K, g, columns] and [K, g].

    As S^K is linear, they allow any normalisation afterwards:
    S^K ((X - mean) / std) = (S^K X - S^K 1 mean) / std.
    """
    stacked = np.concatenate([_of_part(part, propagation_steps) for part in table.parts()], axis=1)
    return stacked[..., :-1], stacked[..., -1]


def _of_part(table: FeatureTable, propagation_steps: Sequence[int]) -> np.ndarray:
    """S^K (X, 1) at the candidates, float64 [K, g, columns + 1]."""
    s = adjacency(table)
    z = np.column_stack([table.x, np.ones(len(table.x))])
    propagated_by_k = {0: z[table.candidate_index]}
    for k in range(1, max(propagation_steps) + 1):
        z = s @ z
        propagated_by_k[k] = z[table.candidate_index]
    return np.stack([propagated_by_k[k] for k in propagation_steps])


def moments(table: FeatureTable, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature over all grains of the microstructures in `mask` (bool [g]).

    A constant feature gets a standard deviation of 1.
    """
    return normalisation.moments_of(lambda: table.rows_of("x", mask))
