"""Grey pictures for a vision network: of microstructures, the candidate in the middle, and from image files."""

import os

import numpy as np
from PIL import Image, UnidentifiedImageError

from graincast.graphs.palette import BOUNDARY_GREY, GREY, NO_GRAIN_GREY
from graincast.graphs.periodic import centred, on_boundary
from graincast.microstructure import BadInput, Microstructure

SIZE = 224  # pixels, what VGG16 was made for


def of_microstructure(microstructure: Microstructure, crop: int | None = None, size: int = SIZE) -> np.ndarray:
    """The picture of a microstructure, uint8 [size, size]; the same wherever on the periodic lattice it lies.

    crop  width and height in sites of the square cut out around the candidate's middle; None: the whole picture
    Raises BadInput for a crop that is larger than the lattice.
    """
    grey = picture(microstructure)
    if crop is not None:
        height, width = grey.shape
        if crop > min(height, width):
            name = microstructure.name
            raise BadInput(f"crop: {crop} does not fit into the {height} x {width} sites of {name}; use a smaller crop")
        top, left = height // 2 - crop // 2, width // 2 - crop // 2
        grey = grey[top : top + crop, left : left + crop]
    return resized(Image.fromarray(grey), size)


def picture(microstructure: Microstructure) -> np.ndarray:
    """The whole microstructure in grey levels, uint8 [height, width], the candidate in the middle."""
    labels = centred(microstructure.labels, microstructure.labels == microstructure.candidate_index + 1)
    levels = np.array([NO_GRAIN_GREY, *(GREY[kind] for kind in microstructure.grain_type)], np.uint8)
    return np.where(on_boundary(labels), np.uint8(BOUNDARY_GREY), levels[labels])


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
