"""Programs that no rule runs: made files, pictures, comparisons."""
