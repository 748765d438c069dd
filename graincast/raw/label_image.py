"""Label images: arrays of grain ids, 0 where there is no grain, with a table of the grains beside each (grain_csv.py).

.npy           integers [y, x] or [z, y, x]
.h5, .hdf5     a dataset of integers [y, x] or [z, y, x]
.png           8, 16 or 32 bits per pixel, grey or with a palette, whose indices count
.tif, .tiff    likewise; several pages are the planes of a map [z, y, x]
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from PIL import Image

from graincast.graphs.from_labels import from_labels
from graincast.microstructure import BadInput, Microstructure
from graincast.raw import grain_csv
from graincast.raw.image_files import TOO_LARGE, check_size, opened
from graincast.raw.limits import MAX_SITES, content_errors, regular_file
from graincast.raw.plane import plane
from graincast.raw.raw_hdf5 import dataset, datasets, load
from graincast.raw.sources import label_image_files

FORMATS = ("PNG", "TIFF")
MODES = ("L", "P", "I", "I;16", "I;16B", "I;16L", "I;16N")
"""Pillow's modes of one whole number per pixel."""
LOSSY = ("jpeg", "webp", "jpeg2000")


def read(
    path: Path,
    name: str,
    array: str | None = None,
    periodic: Sequence[bool] = (False, False),
    spacing: float | None = None,
    slice: Mapping[str, Any] | None = None,
) -> Microstructure:
    """The map of a label image, without growth runs, types or candidate.

    array     path of the image in an HDF5 file; None: its only dataset that can be one
    periodic  whether sites at one end of each axis touch those at the other
    spacing   distance of neighbouring sites, µm
    slice     the plane of a map in three dimensions
    Raises BadInput for any other content.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        labels = _of_npy(path, slice)
    elif suffix in (".h5", ".hdf5"):
        labels = load(path, lambda file, _: _of_hdf5(file, array, slice))
    else:
        labels = _of_image(path, slice)
    _, *tables = label_image_files(path)
    grains = (lambda ids: grain_csv.read(tables[0], ids)) if tables else None
    return from_labels(name, labels, tuple(periodic), spacing, grains)


def _of_npy(path: Path, chosen: Mapping[str, Any] | None) -> np.ndarray:
    size = regular_file(path).st_size
    with content_errors("not a .npy file, or cut short"), path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise BadInput(f"a .npy file of format {version[0]}.{version[1]}, not 1.0 or 2.0")
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, column_major, kind = read_header(file)
        start = file.tell()
    if kind.kind not in "iu":
        raise BadInput(f"holds values of type {kind}, not whole numbers")
    _check_axes(shape)
    held = size - start
    if held != int(np.prod([int(one) for one in shape], dtype=object)) * kind.itemsize:
        raise BadInput(f"claims the shape {[*shape]} of {kind}, but holds {held} bytes")
    mapped = np.memmap(path, kind, "r", start, shape, "F" if column_major else "C")
    return _plane(mapped, chosen)


def _of_hdf5(file: h5py.File, name: str | None, chosen: Mapping[str, Any] | None) -> np.ndarray:
    if name is None:
        able = [one for one in datasets(file) if file[one].dtype.kind in "iu" and len(file[one].shape or ()) in (2, 3)]
        if len(able) != 1:
            listed = f": {', '.join(able[:8])}" if able else ""
            raise BadInput(f"{len(able)} datasets of whole numbers in a plane{listed}; name one by the key array")
        name = able[0]
    found = dataset(file, name, "iu")
    _check_axes(found.shape)
    return _plane(found[()], chosen)


def _of_image(path: Path, chosen: Mapping[str, Any] | None) -> np.ndarray:
    with opened(path, FORMATS) as image:
        pages = getattr(image, "n_frames", 1)
        check_size(image, pages)
        frames = []
        for page in range(pages):
            image.seek(page)
            frames.append(_frame(image))
            if frames[-1].shape != frames[0].shape:
                raise BadInput(f"page {page} has another size than the first")
    return _plane(np.stack(frames), chosen)


def _frame(image: Image.Image) -> np.ndarray:
    check_size(image)
    if image.mode not in MODES:
        raise BadInput(f"{image.mode} pixels are not grain ids; save it with one whole number of 8, 16 or 32 bits each")
    if image.info.get("compression") in LOSSY:
        raise BadInput(f"{image.info['compression']} compression changes grain ids; save it without loss")
    return np.array(image)


def _check_axes(shape: Sequence[int]) -> None:
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise BadInput(f"a label image of shape {[*shape]}, not [y, x] or [z, y, x] with sites")


def _plane(labels: np.ndarray, chosen: Mapping[str, Any] | None) -> np.ndarray:
    """The plane of labels [y, x] or [z, y, x] that is read."""
    if labels.ndim == 2:
        labels = labels[None]
    found = labels[plane(labels.shape, chosen)]
    if found.size > MAX_SITES:
        raise BadInput(TOO_LARGE)
    return np.ascontiguousarray(found)
