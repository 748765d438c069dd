"""Convolutional autoencoders of patches: strided convolutions down to a code, and their mirror image back.

Every stage halves the patch; the code is a linear function of the last stage's channels.
"""

import torch
from torch import Tensor, nn

CHANNELS = {"tiny": (8, 16), "simple": (16, 32, 64), "deep": (16, 32, 64, 128)}
REFINED = {"deep"}  # architectures with a further convolution at each size


class Autoencoder(nn.Module):
    """Maps patches [b, size, size] with grey levels 0 to 1 to codes [b, components] and back.

    size   divisible by 2^stages
    mean   [size, size], the mean patch, to which the decoder adds
    """

    def __init__(self, architecture: str, size: int, components: int, mean: Tensor | None = None) -> None:
        super().__init__()
        channels = CHANNELS[architecture]
        refined = architecture in REFINED
        edge = size >> len(channels)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for before, after in zip((1, *channels[:-1]), channels, strict=True):
            down += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
            mirrored: list[nn.Module] = [nn.ConvTranspose2d(after, before, 4, stride=2, padding=1)]
            if refined:
                down += [nn.Conv2d(after, after, 3, padding=1), nn.ReLU()]
                mirrored = [nn.Conv2d(after, after, 3, padding=1), nn.ReLU(), *mirrored]
            up = [*mirrored, *([nn.ReLU()] if up else []), *up]
        flat = channels[-1] * edge * edge
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, components))
        self.decoder = nn.Sequential(
            nn.Linear(components, flat), nn.ReLU(), nn.Unflatten(1, (channels[-1], edge, edge)), *up
        )
        for layer in self.modules() if refined else ():
            # torch's default initial weights let signals vanish in so many layers (He et al. 2015)
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        start = torch.zeros(size, size) if mean is None else torch.logit(mean, eps=1e-3)
        self.start = nn.Parameter(start.to(torch.float32))

    def encode(self, patches: Tensor) -> Tensor:
        """The codes of patches, [b, components]."""
        return self.encoder(patches[:, None])

    def decode(self, codes: Tensor) -> Tensor:
        """The reconstructions from codes, [b, size, size]."""
        return torch.sigmoid(self.decoder(codes)[:, 0] + self.start)

    def forward(self, patches: Tensor) -> Tensor:
        """The reconstructions of patches."""
        return self.decode(self.encode(patches))
