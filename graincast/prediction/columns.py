"""Input and output columns of a trained model."""

GRAINS = ("microstructure", "grain", "candidate", "neighbours")
"""The columns of a frame with one row per grain, besides features."""


def length(column: str) -> int:
    """The number of values in a column of image features, such as 4096 for fc1[4096]."""
    return int(column.partition("[")[2].rstrip("]"))


OUTPUT = {
    "abnormal": "probability_abnormal",
    "growth-ratio": "predicted_growth_ratio",
    "label": "predicted_class",
}
"""The column of the predictions, by kind of target."""
