"""VGG16 (Simonyan & Zisserman 2015, arXiv 1409.1556) up to its first fully connected layer.

Parameters have torchvision's names, so that its ImageNet weights load. The features of an image are the 4096 outputs
of classifier.0 after the ReLU; Keras calls them fc1.
"""

import itertools
import math
import os
import pickle
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from graincast.microstructure import BadInput
from graincast.raw import manifest

LAYERS = (1, 1, "pool", 2, 2, "pool", 4, 4, 4, "pool", 8, 8, 8, "pool", 8, 8, 8, "pool")
WIDTH, HIDDEN = 64, 4096
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the ImageNet colour channels
SOURCE = "https://download.pytorch.org/models/vgg16-397923af.pth (its name carries the first 8 digits of its SHA-256)"
BATCH = 8  # images of 25 MB each; larger batches are no faster on a CPU


class VGG16(nn.Module):
    """Maps images [n, 3, height, width] to features [n, hidden]; images need at least 32 pixels in height and width.

    width   channels of the first layer; later layers have 2, 4 and 8 times as many
    hidden  number of features
    """

    def __init__(self, width: int = WIDTH, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.hidden = hidden
        layers: list[nn.Module] = []
        channels = 3
        for layer in LAYERS:
            if isinstance(layer, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, layer * width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = layer * width
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(nn.Linear(49 * channels, hidden), nn.ReLU(inplace=True))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.avgpool(self.features(images)).flatten(1))


def load(network: dict, width: int = WIDTH, hidden: int = HIDDEN) -> tuple[VGG16, str]:
    """The network and its display name.

    network  {"path": file of weights, "sha256": its hash}, or {"random": seed} for random weights
    Raises BadInput for other keys, or if the file is missing, has another hash, or does not hold VGG16 weights.
    """
    if set(network) not in ({"path", "sha256"}, {"random"}):
        raise BadInput(f"network: has {', '.join(network) or 'nothing'}; it takes path and sha256, or random alone")
    with torch.device("meta"):
        module = VGG16(width, hidden).eval()
    if "random" in network:
        seed = network["random"]
        state, name = random_state(module, seed), f"vgg16 with random weights, seed {seed}"
    else:
        state, name = stored_state(module, network["path"], network["sha256"]), f"vgg16 {network['sha256'][:8]}"
    module.load_state_dict(state, assign=True)
    return module.requires_grad_(False), name


def random_state(module: nn.Module, seed: int) -> dict[str, torch.Tensor]:
    """Random weights of variance 2 / inputs (He et al. 2015, arXiv 1502.01852), biases 0.

    Drawn uniformly, layer by layer, with exact operations only: the same bytes on every machine.
    """
    generator, state = torch.Generator().manual_seed(seed), {}
    for name, parameter in module.state_dict().items():
        state[name] = torch.zeros(parameter.shape)
        if parameter.ndim > 1:
            bound = math.sqrt(6 / math.prod(parameter.shape[1:]))
            state[name] = torch.rand(parameter.shape, generator=generator).mul_(2).sub_(1).mul_(bound)
    return state


def stored_state(module: nn.Module, path: str | os.PathLike, sha256: str) -> dict[str, torch.Tensor]:
    """A module's weights from a file that may hold others too. Raises BadInput as `load` does."""
    try:
        actual = manifest.sha256(Path(path))
    except (FileNotFoundError, IsADirectoryError):
        raise BadInput(
            f"network.path: no file of VGG16 weights at {path}; fetch {SOURCE}, or choose random weights: "
            "network: {random: 0}"
        ) from None
    if actual != sha256:
        raise BadInput(f"{path}: its SHA-256 is {actual}, but network.sha256 says {sha256}; fetch {SOURCE} again")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        state = {name: stored[name] for name in module.state_dict()}
        wrong = [name for name, value in module.state_dict().items() if state[name].shape != value.shape]
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInput(
            f"{path}: does not hold VGG16 weights under torchvision's names ({error}); fetch {SOURCE}"
        ) from None
    if wrong:
        raise BadInput(f"{path}: {wrong[0]} does not have the shape that VGG16 needs; fetch {SOURCE}")
    return state


def features(
    module: VGG16,
    images: Iterable[np.ndarray],
    device: torch.device | str = "cpu",
    batch: int = BATCH,
    advance: Callable[[int], None] = lambda amount: None,
) -> np.ndarray:
    """The features of n grey images, each uint8 [height, width], computed in batches: float32 [n, features].

    device   where the module is
    advance  called with the number of images done
    """
    outputs = [np.zeros((0, module.hidden), np.float32)]
    remaining = iter(images)
    with torch.inference_mode():
        while images_in_batch := list(itertools.islice(remaining, batch)):
            outputs.append(module(normalised(torch.from_numpy(np.stack(images_in_batch)).to(device))).cpu().numpy())
            advance(len(images_in_batch))
    return np.concatenate(outputs)


def normalised(grey: torch.Tensor) -> torch.Tensor:
    """Grey images, uint8 [n, height, width], normalised as ImageNet colours: float32 [n, 3, height, width]."""
    mean, std = (torch.tensor(values, device=grey.device)[:, None, None] for values in (MEAN, STD))
    return ((grey.float() / 255)[:, None] - mean) / std
