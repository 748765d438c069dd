"""Node features of grain graphs: what each is (columns), and the file of a feature set (table)."""
