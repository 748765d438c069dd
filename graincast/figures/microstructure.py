"""Images of microstructures: centred on the candidate grain, grains coloured by type, boundaries dark."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from graincast.figures.style import titled
from graincast.graphs.axes import centred, on_boundary
from graincast.graphs.palette import BOUNDARY_COLOUR, COLOUR, NAME, NO_GRAIN_COLOUR
from graincast.microstructure import Microstructure


def rgb(microstructure: Microstructure, centre_of: np.ndarray | None = None) -> np.ndarray:
    """The microstructure as an RGB image, uint8 [height, width, 3], centred on the candidate.

    centre_of  mask of another region to centre on, bool [height, width]
    """
    mask = microstructure.labels == microstructure.candidate_index + 1 if centre_of is None else centre_of
    labels = centred(microstructure.labels, mask, microstructure.periodic)
    colours = [_bytes(NO_GRAIN_COLOUR)] + [_bytes(COLOUR[kind]) for kind in microstructure.grain_type]
    image = np.array(colours, np.uint8)[labels]
    image[on_boundary(labels, microstructure.periodic)] = _bytes(BOUNDARY_COLOUR)
    return image


def figure(microstructure: Microstructure, title: str) -> Figure:
    """A figure of a microstructure, with a legend of grain types."""
    drawn = Figure(figsize=(4.6, 4.4), layout="constrained")
    axes = drawn.subplots()
    axes.imshow(rgb(microstructure), interpolation="nearest")
    axes.set_axis_off()
    titled(drawn, title)
    patches = [Patch(color=COLOUR[kind], label=NAME[kind]) for kind in COLOUR]
    drawn.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return drawn


def _bytes(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))
