"""Grain graphs: boundaries, k-hop subgraphs, time steps, shard files and the limit on rejected input."""
