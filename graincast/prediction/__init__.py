"""Prediction: a trained model applied to new data, and served."""
