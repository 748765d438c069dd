"""Evaluation: metrics, choice of trials on validation data, tests, feature ablation."""
