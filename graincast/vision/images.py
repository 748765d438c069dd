"""Grey images for a vision network: microstructures centred on the candidate grain, and image files."""

import os

import numpy as np
from PIL import Image

from graincast.graphs.axes import centred, on_boundary
from graincast.graphs.palette import BOUNDARY_GREY, GREY, NO_GRAIN_GREY
from graincast.microstructure import BadInput, Microstructure
from graincast.raw.image_files import opened

SIZE = 224  # pixels: the input size of VGG16
FORMATS = ("BMP", "PNG", "JPEG", "TIFF")
"""What image files may hold, whatever their names say: Pillow would hand an EPS file to Ghostscript to run."""


def of_microstructure(microstructure: Microstructure, crop: int | None = None, size: int = SIZE) -> np.ndarray:
    """A microstructure's image, uint8 [size, size]; periodic shifts do not change it.

    crop  width and height, in sites, of the square cut out around the candidate's centre; None: the whole image
    Raises BadInput for a crop larger than the lattice.
    """
    grey = whole_image(microstructure)
    if crop is not None:
        height, width = grey.shape
        if crop > min(height, width):
            name = microstructure.name
            raise BadInput(f"crop: {crop} does not fit into the {height} x {width} sites of {name}; use a smaller crop")
        top, left = height // 2 - crop // 2, width // 2 - crop // 2
        grey = grey[top : top + crop, left : left + crop]
    return resized(Image.fromarray(grey), size)


def whole_image(microstructure: Microstructure) -> np.ndarray:
    """The whole microstructure in grey levels, uint8 [height, width], centred on the candidate."""
    candidate = microstructure.labels == microstructure.candidate_index + 1
    labels = centred(microstructure.labels, candidate, microstructure.periodic)
    levels = np.array([NO_GRAIN_GREY, *(GREY[kind] for kind in microstructure.grain_type)], np.uint8)
    return np.where(on_boundary(labels, microstructure.periodic), np.uint8(BOUNDARY_GREY), levels[labels])


def from_file(path: str | os.PathLike, size: int = SIZE) -> np.ndarray:
    """An image file in grey, uint8 [size, size]. Raises BadInput, without the file's name, if it cannot be read."""
    with opened(path, FORMATS) as image:
        if image.mode.startswith(("I", "F")):
            raise BadInput(f"{image.mode} pixels, of more than 8 bits; save it with 8 bits per channel")
        return resized(image.convert("L"), size)


def resized(image: Image.Image, size: int) -> np.ndarray:
    """A grey image resized to uint8 [size, size]: bilinear, smoothed first where it shrinks."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))
