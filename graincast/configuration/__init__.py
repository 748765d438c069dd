"""The configuration: read, checked, its defaults filled in."""
