"""Prediction: applying and serving a trained model."""
