"""The names of the metrics that a trial can be chosen by, by kind of target; graincast/metrics.py computes them."""

from graincast.targets import ABNORMAL, GROWTH_RATIO, LABEL

NAMES = {
    ABNORMAL: ("nll", "accuracy", "balanced_accuracy", "auc", "brier"),
    GROWTH_RATIO: ("mse", "r2", "mae", "rmse"),
    LABEL: ("accuracy", "balanced_accuracy", "macro_f1"),
}


def default(kind: str, calibrated: bool) -> str:
    """The metric that chooses where none is named: the loss, but for probabilities that mean little as such."""
    return NAMES[kind][0] if calibrated or kind != ABNORMAL else "accuracy"
