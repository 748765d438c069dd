"""Programs in processes of their own, and MLflow stores and servers."""
