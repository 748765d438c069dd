"""Pictures of microstructures: the candidate in the middle, grains by type, boundaries dark."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from graincast.figures import titled
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY, Microstructure

COLOURS = {CANDIDATE: "#f2c14e", LOW_MOBILITY: "#3b6ea5", HIGH_MOBILITY: "#c8443a"}
NAMES = {CANDIDATE: "candidate", LOW_MOBILITY: "low mobility", HIGH_MOBILITY: "high mobility"}
NOTHING, BOUNDARY = "#ffffff", "#1c1c1c"


def rgb(one: Microstructure, centre_of: np.ndarray | None = None) -> np.ndarray:
    """The microstructure as a picture, uint8 [height, width, 3], rolled so that the candidate is in the middle.

    centre_of  another mask to bring to the middle, bool [height, width]
    """
    labels = one.labels
    mask = labels == one.candidate.argmax() + 1 if centre_of is None else centre_of
    shift = [size // 2 - _circular_middle(mask, axis) for axis, size in enumerate(labels.shape)]
    labels = np.roll(labels, shift, axis=(0, 1))
    palette = np.array([_bytes(NOTHING)] + [_bytes(COLOURS[kind]) for kind in one.grain_type], np.uint8)
    picture = palette[labels]
    unlike = (labels != np.roll(labels, -1, axis=0)) | (labels != np.roll(labels, -1, axis=1))
    picture[unlike] = _bytes(BOUNDARY)
    return picture


def microstructure(one: Microstructure, title: str) -> Figure:
    """A figure of a microstructure with a legend of grain types."""
    figure = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(rgb(one), interpolation="nearest")
    axes.set_axis_off()
    titled(figure, title)
    patches = [Patch(color=COLOURS[kind], label=NAMES[kind]) for kind in COLOURS]
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def _circular_middle(mask: np.ndarray, axis: int) -> int:
    """The row (axis 0) or column (axis 1) of a periodic mask's circular mean."""
    size = mask.shape[axis]
    angle = 2 * np.pi * np.flatnonzero(mask.any(axis=1 - axis)) / size
    return int(np.round(np.angle(np.exp(1j * angle).sum()) / (2 * np.pi) * size)) % size


def _bytes(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))
