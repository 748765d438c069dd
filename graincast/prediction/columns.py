"""Input and output columns of a trained model."""

GRAINS = ("microstructure", "grain", "candidate", "neighbours")
"""The columns of a frame with one row per grain, besides features."""
OUTPUT = {
    "abnormal": "probability_abnormal",
    "growth-ratio": "predicted_growth_ratio",
    "label": "predicted_class",
}
"""The column of the predictions, by kind of target."""
