"""Training of the torch models: one loop, whose checkpoints let a killed job resume."""
