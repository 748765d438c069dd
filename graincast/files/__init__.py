"""Files: atomic writes, HDF5, CSV tables, content fingerprints and name hashes."""
