"""Calibration: probabilities scaled so that they agree with frequencies, fitted on validation data.

Platt scaling (Advances in Large Margin Classifiers, 1999): p becomes 1 / (1 + exp(-(slope logit p + intercept))), the
two numbers fitted by maximum likelihood to targets drawn a little towards one half, so that few values do not give
certainty. The slope is never negative: a scaling keeps the ranking, and with it the AUC.
"""

import numpy as np
from scipy.special import expit, logit

Scaling = tuple[float, float]
"""Slope and intercept."""
STEPS = 100


def fit(abnormal: np.ndarray, probability: np.ndarray) -> Scaling | None:
    """The scaling for validation data, bool [n] and float [n]; None where they are of one class."""
    positive = int(abnormal.sum())
    negative = abnormal.size - positive
    if not positive or not negative:
        return None
    target = np.where(abnormal, (positive + 1) / (positive + 2), 1 / (negative + 2))
    x = _logit(probability)
    slope, intercept = _newton(x, target)
    return (slope, intercept) if slope > 0 else (0.0, float(logit(target.mean())))


def scaled(scaling: Scaling, probability: np.ndarray) -> np.ndarray:
    """The calibrated probabilities, float [n]."""
    return expit(scaling[0] * _logit(probability) + scaling[1])


def _newton(x: np.ndarray, target: np.ndarray) -> Scaling:
    """The minimum of the convex loss; steps are halved until they lower it."""
    design = np.stack([x, np.ones_like(x)], axis=1)
    weights = np.array([1.0, 0.0])

    def loss(of: np.ndarray) -> float:
        z = design @ of
        return float(np.mean(np.logaddexp(0, z) - target * z))

    for _ in range(STEPS):
        p = expit(design @ weights)
        gradient = design.T @ (p - target) / x.size
        if np.abs(gradient).max() < 1e-10:
            break
        hessian = design.T @ (design * (p * (1 - p))[:, None]) / x.size + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-6 and loss(weights - size * step) > loss(weights):
            size /= 2
        weights = weights - size * step
    return float(weights[0]), float(weights[1])


def _logit(probability: np.ndarray) -> np.ndarray:
    return logit(np.clip(np.asarray(probability, float), 1e-7, 1 - 1e-7))
