"""Raw data: the files of each run (sources), manifests, and readers and writers of each format."""
