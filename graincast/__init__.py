"""Grain graphs, features and models for predicting abnormal grain growth."""

import importlib


def __getattr__(name: str) -> object:
    if name == "load":  # by name, so that importing the package loads nothing else
        return importlib.import_module("graincast.prediction.trained_model").load
    raise AttributeError(f"module 'graincast' has no attribute {name!r}")
