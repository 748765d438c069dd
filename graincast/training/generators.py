"""Python's, NumPy's and torch's random number generators: seeded for a block of code, then restored."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Context in which all random numbers follow from a seed, and CPU operations are deterministic.

    For initialising and training a module. Generators and settings are restored afterwards.
    """
    device = torch.device(device)
    before = states(device)
    memory: Any = torch.utils.deterministic  # type checkers do not see its property
    deterministic, fill = torch.are_deterministic_algorithms_enabled(), memory.fill_uninitialized_memory
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - other code may draw from the global generator
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would also seed devices not in use
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    if device.type == "cpu":  # some operations have no deterministic CUDA form and would fail
        torch.use_deterministic_algorithms(True)
        memory.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = fill
        restore(before, device)


def states(device: torch.device) -> dict:
    """The states of all generators, as built-in types and tensors, so that a checkpoint can hold them."""
    numpy: Any = np.random.get_state()  # noqa: NPY002
    return {
        "python": random.getstate(),
        "numpy": (numpy[0], torch.from_numpy(numpy[1].astype(np.int64)), *numpy[2:]),
        "torch": torch.get_rng_state(),
        **({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}),
    }


def restore(states: dict, device: torch.device) -> None:
    """Restore all generators to the states from `states`."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
