"""MLflow tracking; no other folder uses MLflow. Importing this package does not import MLflow: see api.py."""
