"""Models, one per module, each with `read`, `train` and `predict`; sgc.py documents the interface."""
