"""Evaluation: metrics, the choice of a trial on validation data, feature ablation."""
