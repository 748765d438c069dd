"""Every performance figure that the README quotes; each is a program: python -m benchmarks.NAME."""
