"""Models, one per module: `read` the data, `train` a grid of trials, `predict`; sgc.py documents the interface."""
