"""Files: whole-or-nothing writes, HDF5, CSV tables, fingerprints of content, hashes of names."""
