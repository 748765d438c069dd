"""MLflow: the only place that knows it. Importing this package alone does not import MLflow; see api.py."""
