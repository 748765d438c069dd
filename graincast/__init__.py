"""Grain graphs, features and models for predicting abnormal grain growth."""

__version__ = "0.1.0"
