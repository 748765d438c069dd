"""How many threads a program's computations use."""

import os
import sys


def one_unless_told() -> None:
    """One thread, as a job of the workflow has, unless OMP_NUM_THREADS is set.

    Where matrices are small, as here, threads mostly wait for one another.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = "1"  # for libraries that are imported later
        limit(1)


def limit(threads: int) -> None:
    """Let torch use this many threads, if a model or an encoder has imported it; those without it need not load it."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
