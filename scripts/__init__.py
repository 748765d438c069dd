"""One command-line program a workflow rule; each also runs by hand: python -m scripts.NAME --help."""
