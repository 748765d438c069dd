"""Confusion of classes, and precision, recall and F1 of each."""

import numpy as np


def confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """The number of predictions of each true (rows) and predicted class, int64 [classes, classes]."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes)


def report(counts: np.ndarray) -> np.ndarray:
    """Precision, recall, F1 and number of each class, float64 [classes, 4]; 0 where a class does not occur."""
    right, predicted, true = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    parts = (right, predicted), (right, true), (2 * right, predicted + true)
    return np.stack([*(a / np.maximum(b, 1) for a, b in parts), true], axis=1)
