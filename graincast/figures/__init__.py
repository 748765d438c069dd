"""Figures of experiments, encoders and microstructures, in one style."""
