"""Labelled images: a folder of image files named after their classes, as in NEU-CLS (Song & Yan 2013).

The class is the part of the file name before the last underscore: Cr_1.bmp, In_23.bmp (doi
10.1016/j.apsusc.2013.09.002). Subfolders are searched too, but their names are ignored; each image is its own run.
"""

from pathlib import PurePosixPath

from graincast.microstructure import BadInput


def class_of(name: str) -> str:
    """The class of an image, from its file name. Raises BadInput, without the name, if the name has no class."""
    label, underscore, _ = PurePosixPath(name).stem.rpartition("_")
    if not (label and underscore):
        raise BadInput("the file name has no class; name images CLASS_NUMBER, such as Cr_1.bmp")
    return label
