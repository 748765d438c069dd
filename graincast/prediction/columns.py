"""Input and output columns of a served model; kept apart from predict.py, which is slow to import."""

GRAINS = ("microstructure", "grain", "candidate", "neighbours")
LENGTHS = "boundary_length"
OUTPUT = {"abnormal": "probability_abnormal", "growth-ratio": "predicted_growth_ratio"}
"""The column of the predictions, by kind of target."""
