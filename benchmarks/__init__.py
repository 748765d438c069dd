"""Every performance figure that the README quotes, each from a script: python -m benchmarks.NAME."""
