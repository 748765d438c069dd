"""Convolutional autoencoders, trained to reconstruct patches (mean squared error of grey levels 0 to 1)."""

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

BATCH = 256  # patches, for measuring errors


def total_steps(train: Sample, validation: Sample, encoder: dict) -> int:
    """The total that `advance` counts up to: patches over all epochs."""
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
    """Train the network for one kind of patch and keep the epoch with the lowest validation loss.

    encoder     architecture, components, epochs, batch_size, learning_rate, seed
    checkpoint  a file to resume from; the caller deletes it after saving the result
    Training curves use at most as many patches as validation curves. Raises BadInput if the loss is not finite, or
    the device is not available.
    """
    torch_device = device_of(device)
    mean = mean_image(train.batches(BATCH))
    with seeded(encoder["seed"]):
        network = Autoencoder(
            encoder["architecture"], WINDOW[train.kind], encoder["components"], torch.from_numpy(mean)
        )
    measured = train.at_most(min(validation.size, train.size))

    def batches(order: torch.Generator) -> Iterator[torch.Tensor]:
        def permutation(n: int) -> np.ndarray:
            return torch.randperm(n, generator=order).numpy()

        for patches in train.batches(encoder["batch_size"], permutation):
            yield _grey_levels(patches, torch_device)

    def loss(module: torch.nn.Module, grey: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.mse_loss(module(grey).float(), grey)

    def measure(module: torch.nn.Module) -> dict[str, float]:
        samples = zip(CURVES, (measured, validation), strict=True)
        return {column: _error(module, sample, torch_device) for column, sample in samples}

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
    start = torch.tensor(mean, dtype=torch.float32, device=torch_device)
    errors: list[tuple[int, float, float]] = []
    for components, reconstruct in ((0, lambda grey: start.expand_as(grey)), (encoder["components"], network)):
        with torch.no_grad():
            on_train, on_validation = (_error(reconstruct, sample, torch_device) for sample in (train, validation))
            errors.append((components, on_train, on_validation))
    model = {name: value.numpy() for name, value in fitted.state.items()}
    return Trained(model, errors, fitted.curves[:, [fitted.columns.index(column) for column in CURVES]])


def codec(encoder: dict, model: dict[str, np.ndarray], components: int, device: str = "cpu") -> Codec:
    """The codec of a trained network. Raises BadInput if it has another number of components."""
    trained_components, size = encoder["components"], len(model["start"])
    if components != trained_components:
        raise BadInput(
            f"the autoencoder has {trained_components} components, not {components}; use {trained_components} or "
            "train another"
        )
    torch_device = device_of(device)
    network = Autoencoder(encoder["architecture"], size, trained_components)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in model.items()})
    network.to(torch_device).eval()

    @torch.no_grad()
    def encode(patches: np.ndarray) -> np.ndarray:
        return network.encode(_grey_levels(patches, torch_device)).cpu().numpy()

    @torch.no_grad()
    def decode(codes: np.ndarray) -> np.ndarray:
        return network.decode(torch.from_numpy(codes).to(torch_device)).cpu().numpy()

    return Codec(encode, decode)


def _grey_levels(patches: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.from_numpy(patches).to(device).float() / 255


def _error(reconstruct: Callable[[torch.Tensor], torch.Tensor], sample: Sample, device: torch.device) -> float:
    """The mean squared error per pixel."""
    total = torch.zeros((), dtype=torch.float64, device=device)
    for patches in sample.batches(BATCH):
        grey = _grey_levels(patches, device)
        total += ((reconstruct(grey) - grey) ** 2).sum(dtype=torch.float64)
    return float(total) / (sample.size * WINDOW[sample.kind] ** 2)
