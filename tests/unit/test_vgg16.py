"""VGG16: the names and shapes of torchvision, its layers, and verified weights."""

import hashlib
import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from graincast.microstructure import BadInput
from graincast.vision import vgg16

NARROW, FEW = 2, 10  # channels of the first layer, features
CHANNELS = {0: 1, 2: 1, 5: 2, 7: 2, 10: 4, 12: 4, 14: 4, 17: 8, 19: 8, 21: 8, 24: 8, 26: 8, 28: 8}
"""The channels of each convolution as multiples of the first's, by torchvision's numbers."""
POOLED = (2, 7, 14, 21, 28)


def shapes(width: int, hidden: int, classes: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a whole VGG16's parameters under torchvision's names."""
    inputs, layers = 3, {}
    for number, factor in CHANNELS.items():
        layers[f"features.{number}"] = (factor * width, inputs, 3, 3)
        inputs = factor * width
    layers |= {"classifier.0": (hidden, 49 * inputs), "classifier.3": (hidden, hidden)}
    layers["classifier.6"] = (classes, hidden)
    pairs = [{f"{name}.weight": shape, f"{name}.bias": shape[:1]} for name, shape in layers.items()]
    return {name: shape for pair in pairs for name, shape in pair.items()}


def published(width: int, hidden: int) -> dict[str, torch.Tensor]:
    """A whole VGG16's state as torchvision has it, with random weights."""
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.randn(shape, generator=generator) / (math.prod(shape[1:]) ** 0.5 if len(shape) > 1 else 10)
        for name, shape in shapes(width, hidden, 3).items()
    }


@pytest.fixture
def weights(tmp_path) -> dict:
    """The configuration of a file with a narrow network's weights."""
    path = tmp_path / "narrow.pth"
    torch.save(published(NARROW, FEW), path)
    return {"path": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def grey_images(count: int, size: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size), np.uint8)


def test_names_and_shapes_equal_those_of_the_published_weights():
    with torch.device("meta"):
        ours = {name: tuple(value.shape) for name, value in vgg16.VGG16().state_dict().items()}
    theirs = shapes(64, 4096, 1000)
    assert sum(map(math.prod, theirs.values())) == 138_357_544  # as published
    last = ("classifier.3", "classifier.6")
    assert ours == {name: shape for name, shape in theirs.items() if not name.startswith(last)}


def test_features_equal_the_layers_applied_one_at_a_time(weights):
    module, name = vgg16.load(weights, NARROW, FEW)
    assert name == f"vgg16 {weights['sha256'][:8]}"
    grey, state = grey_images(3, size=70), published(NARROW, FEW)
    x = torch.tensor(grey / 255).float()[:, None].repeat(1, 3, 1, 1)
    x = (x - torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    for number in CHANNELS:
        x = functional.conv2d(x, state[f"features.{number}.weight"], state[f"features.{number}.bias"], padding=1).relu()
        x = functional.max_pool2d(x, 2) if number in POOLED else x
    x = functional.adaptive_avg_pool2d(x, (7, 7)).reshape(3, -1)
    x = (x @ state["classifier.0.weight"].T + state["classifier.0.bias"]).relu().numpy()
    np.testing.assert_allclose(vgg16.features(module, grey), x, rtol=1e-4, atol=1e-5)
    assert 0 < (x > 0).mean() < 1


@pytest.mark.parametrize("size", [32, 50])
def test_batches_equal_single_images(size):
    module, _ = vgg16.load({"random": 1}, NARROW, FEW)
    grey, advanced = grey_images(7, size), []
    together = vgg16.features(module, iter(grey), batch=3, advance=advanced.append)
    assert together.shape == (7, FEW) and together.dtype == np.float32 and advanced == [3, 3, 1]
    for i, image in enumerate(grey):
        np.testing.assert_allclose(vgg16.features(module, [image])[0], together[i], rtol=1e-4, atol=1e-5)
    assert vgg16.features(module, []).shape == (0, FEW)


def test_random_weights_depend_on_the_seed_alone():
    module, name = vgg16.load({"random": 7}, NARROW, FEW)
    assert name == "vgg16 with random weights, seed 7"
    torch.manual_seed(99)
    again, other = (vgg16.load({"random": seed}, NARROW, FEW)[0].state_dict() for seed in (7, 8))
    for key, value in module.state_dict().items():
        assert torch.equal(value, again[key])
        assert torch.equal(value, other[key]) == key.endswith("bias")
    # the definition, by the same kind of generator in NumPy: 24 bits per number, in [-bound, bound)
    raw = np.random.RandomState(7)._bit_generator.random_raw(54).astype(np.uint64) & np.uint64(2**24 - 1)
    first = (raw.astype(np.float32) / np.float32(2**24) * 2 - 1) * np.float32(math.sqrt(6 / 27))
    np.testing.assert_array_equal(module.state_dict()["features.0.weight"].numpy().ravel(), first)


def test_random_weights_neither_fade_nor_explode():
    module, _ = vgg16.load({"random": 0}, 16, 64)
    values = vgg16.features(module, grey_images(4))
    assert 0.02 < values.std() < 50 and 0.2 < (values > 0).mean() < 0.8


def test_missing_or_other_weights_are_refused(tmp_path, weights):
    with pytest.raises(BadInput, match=r"network.path: no file .*none.pth; fetch https://download.pytorch.org/models/"):
        vgg16.load(weights | {"path": str(tmp_path / "none.pth")})
    for keys in ({}, {"sha256": "0" * 64}, {"random": 0, **weights}):
        with pytest.raises(BadInput, match="it takes path and sha256, or random alone"):
            vgg16.load(keys)
    wrong = "0" * 64
    with pytest.raises(BadInput, match=f"its SHA-256 is {weights['sha256']}, but network.sha256 says {wrong}"):
        vgg16.load(weights | {"sha256": wrong})
    with pytest.raises(BadInput, match=r"features.0.weight does not have the shape that VGG16 needs"):
        vgg16.load(weights, 2 * NARROW, FEW)
    for number, content in enumerate([{"features.0.weight": torch.zeros(1)}, [1, 2], "text", None]):
        path = tmp_path / f"{number}.pth"
        torch.save(content, path) if content is not None else path.write_bytes(b"not weights")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        with pytest.raises(BadInput, match="does not hold VGG16 weights under torchvision's names"):
            vgg16.load({"path": str(path), "sha256": sha256}, NARROW, FEW)
