"""Programs: how a script runs and ends, shows its progress and measures its cost."""
