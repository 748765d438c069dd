"""Grey pictures for a vision network: of microstructures, the candidate in the middle, and from image files."""

import os

import numpy as np
from PIL import Image, UnidentifiedImageError

from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY, BadInput, Microstructure

SIZE = 224  # pixels, what VGG16 was made for
BOUNDARY, NOTHING = 0, 64
GREY = {LOW_MOBILITY: 128, HIGH_MOBILITY: 192, CANDIDATE: 255}
"""Grey levels: of sites on a boundary, of sites where no stored grain lies, and of the grain types."""


def of_microstructure(one: Microstructure, crop: int | None = None, size: int = SIZE) -> np.ndarray:
    """The picture of a microstructure, uint8 [size, size]; the same wherever on the periodic lattice it lies.

    crop  width and height in sites of what is cut out around the candidate's middle; None: the whole picture
    Raises BadInput for a crop that is larger than the lattice.
    """
    picture = centred(one)
    if crop is not None:
        if crop > min(picture.shape):
            height, width = picture.shape
            raise BadInput(f"crop: {crop} does not fit into the {height} x {width} sites of {one.name}; crop fewer")
        top, left = (length // 2 - crop // 2 for length in picture.shape)
        picture = picture[top : top + crop, left : left + crop]
    return resized(Image.fromarray(picture), size)


def centred(one: Microstructure) -> np.ndarray:
    """The whole microstructure in grey levels, uint8 [height, width], rolled to bring the candidate to the middle.

    A site is on a boundary where the next one below or to the right is of another grain.
    """
    own = one.labels == one.candidate.argmax() + 1
    shift = [length // 2 - _circular_mean(own, axis) for axis, length in enumerate(own.shape)]
    labels = np.roll(one.labels, shift, axis=(0, 1))
    picture = np.array([NOTHING, *(GREY[kind] for kind in one.grain_type)], np.uint8)[labels]
    unlike = (labels != np.roll(labels, -1, axis=0)) | (labels != np.roll(labels, -1, axis=1))
    picture[unlike] = BOUNDARY
    return picture


def from_file(path: str | os.PathLike, size: int = SIZE) -> np.ndarray:
    """An image file as a grey picture, uint8 [size, size]. Raises BadInput, without the file's name, if it is none."""
    try:
        with Image.open(path) as image:
            if image.mode.startswith(("I", "F")):
                raise BadInput(f"{image.mode} pixels, of more than 8 bits; save it with 8 bits a channel")
            return resized(image.convert("L"), size)
    except BadInput:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # no such file, no permission
        raise BadInput("not an image file, or cut short") from None


def resized(image: Image.Image, size: int) -> np.ndarray:
    """A grey picture in another size, uint8 [size, size]: linear between pixels, smoothed first where it shrinks."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def _circular_mean(mask: np.ndarray, axis: int) -> int:
    """The row (axis 0) or column (axis 1) of the mean of a periodic mask's sites."""
    length = mask.shape[axis]
    turn = np.exp(2j * np.pi * np.arange(length) / length)
    mean = np.angle(mask.sum(axis=1 - axis) @ turn) / (2 * np.pi) * length
    # just above one half rounds down wherever the mask lies, for which rounding errors leave no room at one half
    return int(np.floor(mean + 0.5 - 1e-6)) % length
