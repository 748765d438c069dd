"""Convolutional autoencoders of patches, trained to give back the patch (mean squared error of grey levels 0 to 1)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from graincast.encoders.architectures import Autoencoder
from graincast.encoders.patches import WINDOW
from graincast.encoders.stream import Sample
from graincast.encoders.trained import CURVES, Codec, Trained, mean_image
from graincast.microstructure import BadInput
from graincast.training.device import device_of
from graincast.training.generators import seeded
from graincast.training.loop import Settings, fit

BATCH = 256  # of measurement


def total_steps(train: Sample, validation: Sample, encoder: dict) -> int:
    """How much there is to do, as `advance` is told of it: patches, of each epoch."""
    return encoder["epochs"] * train.size


def train(
    train: Sample,
    validation: Sample,
    encoder: dict,
    *,
    advance: Callable[[int, str], None] = lambda amount, note: None,
    device: str = "cpu",
    checkpoint: Path | None = None,
) -> Trained:
    """Train the network of one kind of patch; that of the epoch with the least validation loss is kept.

    encoder     architecture, components, epochs, batch_size, learning_rate, seed
    checkpoint  a file to go on from; whoever keeps what is returned removes it
    Curves are of at most as many training patches as there are for validation. Raises BadInput if the loss is not
    finite, or for a device that is not there.
    """
    where = device_of(device)
    mean = mean_image(train.batches(BATCH))
    with seeded(encoder["seed"]):
        network = Autoencoder(
            encoder["architecture"], WINDOW[train.kind], encoder["components"], torch.from_numpy(mean)
        )
    seen = train.at_most(min(validation.size, train.size))

    def batches(order: torch.Generator) -> Iterator[torch.Tensor]:
        def permutation(n: int) -> np.ndarray:
            return torch.randperm(n, generator=order).numpy()

        for patches in train.batches(encoder["batch_size"], permutation):
            yield _pictures(patches, where)

    def loss(module: torch.nn.Module, pictures: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.mse_loss(module(pictures).float(), pictures)

    def measure(module: torch.nn.Module) -> dict[str, float]:
        samples = zip(CURVES, (seen, validation), strict=True)
        return {column: _error(module, sample, where) for column, sample in samples}

    fitted = fit(
        network,
        batches,
        loss,
        measure,
        Settings(epochs=encoder["epochs"], learning_rate=encoder["learning_rate"]),
        seed=encoder["seed"],
        device=device,
        checkpoint=checkpoint,
        identity=f"autoencoder {encoder} {train.fingerprint} {validation.fingerprint}",
        advance=lambda epochs, note: advance(epochs * train.size, note),
    )
    start = torch.tensor(mean, dtype=torch.float32, device=where)
    errors = []
    for components, of in ((0, lambda pictures: start.expand_as(pictures)), (encoder["components"], network)):
        with torch.no_grad():
            errors.append((components, *(_error(of, sample, where) for sample in (train, validation))))
    model = {name: value.numpy() for name, value in fitted.state.items()}
    return Trained(model, errors, fitted.curves[:, [fitted.columns.index(column) for column in CURVES]])


def codec(encoder: dict, model: dict[str, np.ndarray], components: int, device: str = "cpu") -> Codec:
    """A trained network. Raises BadInput for another number of components than it has."""
    has, size = encoder["components"], len(model["start"])
    if components != has:
        raise BadInput(f"the autoencoder has {has} components, not {components}; take {has} or train another")
    where = device_of(device)
    network = Autoencoder(encoder["architecture"], size, has)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in model.items()})
    network.to(where).eval()

    @torch.no_grad()
    def encode(patches: np.ndarray) -> np.ndarray:
        return network.encode(_pictures(patches, where)).cpu().numpy()

    @torch.no_grad()
    def decode(codes: np.ndarray) -> np.ndarray:
        return network.decode(torch.from_numpy(codes).to(where)).cpu().numpy()

    return Codec(encode, decode)


def _pictures(patches: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(patches).to(device).float() / 255


def _error(reconstructed: Callable[[torch.Tensor], torch.Tensor], sample: Sample, device: torch.device) -> float:
    """The mean squared error of a pixel."""
    total = torch.zeros((), dtype=torch.float64, device=device)
    for patches in sample.batches(BATCH):
        pictures = _pictures(patches, device)
        total += ((reconstructed(pictures) - pictures) ** 2).sum(dtype=torch.float64)
    return float(total) / (sample.size * WINDOW[sample.kind] ** 2)
