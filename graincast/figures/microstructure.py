"""Images of microstructures: centred on the candidate grain, grains coloured by type, boundaries dark."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from graincast.figures.scale_bar import add as add_scale_bar
from graincast.figures.style import titled
from graincast.graphs.axes import centred, on_boundary, unit_circle
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


def reach(microstructure: Microstructure) -> float:
    """How far the grains reach from the middle of their image, which is centred on the candidate, in sites.

    Half the longer side, except for a small k-hop subgraph of a large map.
    """
    mask = microstructure.labels == microstructure.candidate_index + 1
    there = centred(microstructure.labels, mask, microstructure.periodic) > 0
    ends = []
    for axis, size in enumerate(there.shape):
        found = np.flatnonzero(there.any(axis=1 - axis))
        ends += [size / 2 - found[0], found[-1] + 1 - size / 2]
    return float(min(max(ends) + 1, max(there.shape) / 2))  # with the boundary drawn around them


def figure(microstructure: Microstructure, title: str, graph: bool = False) -> Figure:
    """A figure of a microstructure, with a legend of grain types and a scale bar.

    graph  also draw the grain graph: a node per grain, an edge per boundary, wider where the boundary is longer
    """
    drawn = Figure(figsize=(4.6, 4.6), layout="constrained")
    axes = drawn.subplots()
    image = rgb(microstructure)
    axes.imshow(image, interpolation="nearest")
    if graph:
        overlay(axes, microstructure)
    add_scale_bar(axes, image.shape[1], microstructure.spacing)
    axes.set_axis_off()
    titled(drawn, title)
    patches = [Patch(color=COLOUR[kind], label=NAME[kind]) for kind in COLOUR]
    drawn.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return drawn


def centres(labels: np.ndarray, n: int, periodic: tuple[bool, ...]) -> np.ndarray:
    """The centre of each of n grains in a label image, (row, column), float64 [n, 2]; NaN where there is none.

    On a periodic axis it is the circular mean, so that a grain that continues at the other end has its centre within.
    """
    found = np.empty((n, 2))
    number = np.bincount(labels.ravel(), minlength=n + 1)[1:]
    with np.errstate(invalid="ignore"):
        for axis, wraps in enumerate(periodic):
            size = labels.shape[axis]
            position = np.broadcast_to(np.arange(size).reshape((-1, 1) if axis == 0 else (1, -1)), labels.shape)
            if wraps:
                x, y = (_sums(labels, part[position], n) for part in unit_circle(size))
                found[:, axis] = np.where(number > 0, np.arctan2(y, x) * size / (2 * np.pi) % size, np.nan)
            else:
                found[:, axis] = _sums(labels, position, n) / number
    return found


def overlay(axes: Axes, microstructure: Microstructure) -> None:
    """Draw nodes and edges; an edge across a periodic end leaves on one side and enters on the other."""
    mask = microstructure.labels == microstructure.candidate_index + 1
    labels = centred(microstructure.labels, mask, microstructure.periodic)
    at = centres(labels, microstructure.grain_id.size, microstructure.periodic)
    source, target = microstructure.edges.T
    step = at[target] - at[source]
    around = np.where(microstructure.periodic, labels.shape, np.inf)
    with np.errstate(invalid="ignore"):
        step -= np.nan_to_num(around, posinf=0.0) * np.round(step / around)
    seen = np.isfinite(step).all(axis=1)
    lines = np.stack([at[source], at[source] + step], axis=1)[seen][..., ::-1]  # as x, y
    length = microstructure.boundary_length[seen]
    width = 0.4 + 1.6 * length / max(length.max(initial=1), 1)
    limits = axes.get_xlim(), axes.get_ylim()
    for colour, extra in (("white", 1.2), ("black", 0.0)):
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width + extra), autolim=False)
    axes.scatter(at[:, 1], at[:, 0], s=14, color="white", edgecolor="black", linewidth=0.8, zorder=3)
    axes.set(xlim=limits[0], ylim=limits[1])


def _sums(labels: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    return np.bincount(labels.ravel(), weights=values.ravel(), minlength=n + 1)[1:]


def _bytes(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))
