"""Principal components of patches, found incrementally (Ross et al. 2008, doi 10.1007/s11263-007-0075-7).

Codes are coordinates along the components of largest variance, of patches less their mean; they are not scaled.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.decomposition import IncrementalPCA

from graincast.encoders.stream import Sample
from graincast.encoders.trained import Codec, Trained, unit
from graincast.microstructure import BadInput

BATCH = 512  # at least; patches are decomposed together with the components so far


def total_steps(train: Sample, validation: Sample, encoder: dict) -> int:
    """How much there is to do, as `advance` is told of it: patches, of each pass."""
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
    """Find the components, and the errors with 0, 1, 2, 4, … of them.

    encoder  components
    Runs on the CPU, in one go: device and checkpoint have no effect. Raises BadInput for fewer patches than components.
    """
    components = encoder["components"]
    if train.size < components:
        raise BadInput(f"{components} components need as many patches; there are {train.size} of a {train.kind}")
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
    """The encoder of the first so many components. Raises BadInput where the model has fewer."""
    has, size, _ = model["components"].shape
    if not 1 <= components <= has:
        raise BadInput(f"the encoder has {has} components; {components} cannot be taken from it")
    axes = model["components"][:components].reshape(components, -1)
    mean = model["mean"].reshape(-1)
    return Codec(
        encode=lambda patches: (_flat(patches) - mean) @ axes.T,
        decode=lambda codes: (codes @ axes + mean).reshape(-1, size, size),
    )


def _flat(patches: np.ndarray) -> np.ndarray:
    return unit(patches).reshape(len(patches), -1)


def _errors(model: dict, sample: Sample, levels: list[int], advance: Callable) -> np.ndarray:
    """Mean squared errors with so many components, in one pass: each takes its squared code from the error."""
    axes = model["components"].reshape(len(model["components"]), -1)
    mean = model["mean"].reshape(-1)
    left = np.zeros(len(axes) + 1)
    for patches in sample.batches(BATCH):
        rest = _flat(patches) - mean
        squares = np.sum((rest @ axes.T).astype(np.float64) ** 2, axis=0)
        left += np.sum(rest * rest, dtype=np.float64) - np.concatenate([[0], np.cumsum(squares)])
        advance(len(patches), "")
    return left[levels] / (sample.size * mean.size)
