"""Principal components of patches, computed incrementally (Ross et al. 2008, doi 10.1007/s11263-007-0075-7).

Codes are the unscaled coordinates of mean-centred patches along the components of largest variance.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.decomposition import IncrementalPCA

from graincast.encoders.stream import Sample
from graincast.encoders.trained import Codec, Trained, unit
from graincast.microstructure import BadInput

BATCH = 512  # patches at least; each batch is decomposed together with the components so far


def total_steps(train: Sample, validation: Sample, encoder: dict) -> int:
    """The total that `advance` counts up to: patches over all passes."""
    return 2 * train.size + validation.size


def train(
    train: Sample,
    validation: Sample,
    encoder: dict,
    *,
    advance: Callable[[int, str], None] = lambda amount, note: None,
    device: str = "cpu",
    checkpoint: Path | None = None,
) -> Trained:
    """Compute the components, and the reconstruction errors with 0, 1, 2, 4, … of them.

    encoder  the key components
    Runs on the CPU without checkpoints: device and checkpoint have no effect. Raises BadInput for fewer patches than
    components.
    """
    components = encoder["components"]
    if train.size < components:
        raise BadInput(f"{components} components need as many {train.kind} patches; there are {train.size}")
    pca = IncrementalPCA(components, copy=False)
    for patches in train.batches(max(BATCH, components), least=components):
        pca.partial_fit(_flat(patches), check_input=False)
        advance(len(patches), "")
    size = patches.shape[-1]
    model = {
        "mean": pca.mean_.astype(np.float32).reshape(size, size),
        "components": pca.components_.astype(np.float32).reshape(components, size, size),
        "variance": np.asarray(pca.explained_variance_, np.float64),
    }
    levels = [0, *(2**i for i in range(components.bit_length()) if 2**i < components), components]
    errors = [_errors(model, sample, levels, advance) for sample in (train, validation)]
    return Trained(model, [(k, float(a), float(b)) for k, a, b in zip(levels, *errors, strict=True)])


def codec(encoder: dict, model: dict[str, np.ndarray], components: int, device: str = "cpu") -> Codec:
    """The codec of the first `components` components. Raises BadInput if the model has fewer."""
    available, size, _ = model["components"].shape
    if not 1 <= components <= available:
        raise BadInput(f"the encoder has {available} components, not {components}; use {available} or fewer")
    axes = model["components"][:components].reshape(components, -1)
    mean = model["mean"].reshape(-1)
    return Codec(
        encode=lambda patches: (_flat(patches) - mean) @ axes.T,
        decode=lambda codes: (codes @ axes + mean).reshape(-1, size, size),
    )


def _flat(patches: np.ndarray) -> np.ndarray:
    return unit(patches).reshape(len(patches), -1)


def _errors(model: dict, sample: Sample, levels: list[int], advance: Callable) -> np.ndarray:
    """Mean squared errors with each number of components in `levels`, in one pass.

    Each component reduces the squared error by its squared code.
    """
    axes = model["components"].reshape(len(model["components"]), -1)
    mean = model["mean"].reshape(-1)
    error = np.zeros(len(axes) + 1)
    for patches in sample.batches(BATCH):
        centred = _flat(patches) - mean
        squares = np.sum((centred @ axes.T).astype(np.float64) ** 2, axis=0)
        error += np.sum(centred * centred, dtype=np.float64) - np.concatenate([[0], np.cumsum(squares)])
        advance(len(patches), "")
    return error[levels] / (sample.size * mean.size)
