"""Experiments: target, split, grid of trials, and the files of trained trials."""
