"""Grain graphs: boundaries, k-hop subgraphs, time steps, the shard file, and what is rejected."""
