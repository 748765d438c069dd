"""Normalisation of features with the moments of the training set."""

import numpy as np


def moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, float64 [columns] each; a constant column gets a std of 1.

    rows  float [n, columns]; for n = 0 the mean is 0
    """
    if not len(rows):
        return np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    mean, std = rows.mean(axis=0), rows.std(axis=0)
    return mean, np.where(std > 1e-12 * np.maximum(1, np.abs(mean)), std, 1.0)
