"""Raw data: which files make up the runs (files), and readers and writers of each format."""
