"""The generators of random numbers that training may draw from: seeded in a block, and put back after it."""

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch


@contextlib.contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """A block in which random numbers are those of a seed, and sums on the CPU are taken in one order.

    For a module's initial weights and its training; Python's, NumPy's and torch's generators and settings are
    afterwards as they were.
    """
    device = torch.device(device)
    before = states(device)
    deterministic, fill = (
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - whatever draws from the global generator draws from the seed
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the devices not in use too
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    if device.type == "cpu":  # on other devices some operations have no such form and would fail
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic)
        torch.utils.deterministic.fill_uninitialized_memory = fill
        restore(before, device)


def states(device: torch.device) -> dict:
    """The states of all generators, as built-in types and tensors."""
    numpy = np.random.get_state()  # noqa: NPY002
    return {
        "python": random.getstate(),
        "numpy": (numpy[0], torch.from_numpy(numpy[1].astype(np.int64)), *numpy[2:]),
        "torch": torch.get_rng_state(),
        **({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}),
    }


def restore(states: dict, device: torch.device) -> None:
    """Put all generators into the states that `states` gave."""
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states["cuda"], device)
