"""Names of columns that a served model takes and gives. Apart from graincast/serving.py, which takes long to import."""

GRAINS = ("microstructure", "grain", "candidate", "neighbours")
LENGTHS = "boundary_length"
OUTPUT = {"abnormal": "probability_abnormal", "growth-ratio": "growth_ratio"}
"""How the predictions are named, by kind of target."""
