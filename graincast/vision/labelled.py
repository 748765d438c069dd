"""Labelled images: a folder of image files named after their classes, as those of NEU-CLS (Song & Yan 2013).

The class is what stands before the last underscore of a file's name: Cr_1.bmp, In_23.bmp (doi
10.1016/j.apsusc.2013.09.002). Subfolders are searched too and do not count; each image is a run of its own.
"""

import os
from pathlib import Path, PurePosixPath

from graincast.microstructure import BadInput

SUFFIXES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


def image_files(root: Path) -> list[Path]:
    """The image files below a folder, sorted by path; symlinked folders are followed, each real folder once.

    Hidden names are passed over.
    """
    found, seen = [], set()
    for folder, inside, files in os.walk(root, followlinks=True, onerror=_fail):
        real = os.path.realpath(folder)
        inside[:] = sorted(x for x in inside if not x.startswith(".")) if real not in seen else []
        if real not in seen:
            found += [Path(folder, x) for x in files if x.lower().endswith(SUFFIXES) and not x.startswith(".")]
        seen.add(real)
    return sorted(found)


def class_of(name: str) -> str:
    """The class of an image by its file's name. Raises BadInput, without the name, where that says none."""
    label, underscore, _ = PurePosixPath(name).stem.rpartition("_")
    if not (label and underscore):
        raise BadInput("the name says no class; name images CLASS_NUMBER, such as Cr_1.bmp")
    return label


def _fail(error: OSError) -> None:
    raise error


RUNS = {"labelled-images": image_files}
FILES = {"labelled-images": lambda image: [image]}
"""As in graincast/raw/files.py: how to list the runs, and the files of one run."""
