"""Choice of the torch device."""

import torch

from graincast.microstructure import BadInput


def device_of(name: str) -> torch.device:
    """The device for auto, cpu or cuda; auto prefers CUDA. Raises BadInput for other names, or cuda without a GPU."""
    if name not in ("auto", "cpu", "cuda"):
        raise BadInput(f"device {name!r} is none of auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("device cuda: torch finds no CUDA device here; use device auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
