"""Normalisation of features with the moments of the training set."""

from collections.abc import Callable, Iterable

import numpy as np


def moments(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column, float64 [columns] each; a constant column gets a std of 1.

    rows  float [n, columns]; for n = 0 the mean is 0
    """
    return moments_of(lambda: [rows])


def moments_of(pieces: Callable[[], Iterable[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The same of rows that come in pieces, at least one. It goes through them twice: first for the mean."""
    count, total = 0, np.zeros(())
    for rows in pieces():
        count, total = count + len(rows), total + rows.sum(axis=0)
    if not count:
        return np.zeros(total.shape), np.ones(total.shape)
    mean = total / count
    std = np.sqrt(sum(np.square(rows - mean).sum(axis=0) for rows in pieces()) / count)
    return mean, np.where(std > 1e-12 * np.maximum(1, np.abs(mean)), std, 1.0)
