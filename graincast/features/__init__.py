"""Node features of grain graphs (nodes), and the file of a feature set (table)."""
