"""Scripts: running them, reporting errors and progress, and measuring cost."""
