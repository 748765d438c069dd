"""Columns that a served model takes and returns; apart from predict.py, which is slow to import."""

GRAINS = ("microstructure", "grain", "candidate", "neighbours")
LENGTHS = "boundary_length"
OUTPUT = {"abnormal": "probability_abnormal", "growth-ratio": "predicted_growth_ratio"}
"""How the predictions are named, by kind of target."""
