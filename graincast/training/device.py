"""Where torch computes."""

import torch

from graincast.microstructure import BadInput


def device_of(name: str) -> torch.device:
    """The device called auto, cpu or cuda; auto is CUDA where there is one. Raises BadInput where there is none."""
    if name not in ("auto", "cpu", "cuda"):
        raise BadInput(f"device {name!r} is none of auto, cpu, cuda")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("device cuda: torch finds no CUDA device here; use device auto or cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
