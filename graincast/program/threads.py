"""How many threads a program's computations use."""

import sys


def limit(threads: int) -> None:
    """Let torch use this many threads, if a model or an encoder has imported it; those without it need not load it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
