"""How every torch model is trained: one loop, with checkpoints from which a killed job goes on."""
