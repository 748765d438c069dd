"""Labelled images: a folder of image files named after their classes, as those of NEU-CLS (Song & Yan 2013).

The class is what stands before the last underscore of a file's name: Cr_1.bmp, In_23.bmp (doi
10.1016/j.apsusc.2013.09.002). Subfolders are searched too and do not count; each image is a run of its own.
"""

from pathlib import PurePosixPath

from graincast.microstructure import BadInput


def class_of(name: str) -> str:
    """The class of an image by its file's name. Raises BadInput, without the name, where that says none."""
    label, underscore, _ = PurePosixPath(name).stem.rpartition("_")
    if not (label and underscore):
        raise BadInput("the name says no class; name images CLASS_NUMBER, such as Cr_1.bmp")
    return label
