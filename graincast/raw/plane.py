"""The plane that is read of a map with up to three dimensions: arrays are [z, y, x]."""

from collections.abc import Mapping, Sequence
from typing import Any

from graincast.microstructure import BadInput

AXES = ("z", "y", "x")


def plane(shape: Sequence[int], chosen: Mapping[str, Any] | None) -> tuple[int | slice, ...]:
    """The index, into an array [z, y, x] or [z, y, x, components], of the plane that is read.

    chosen  the data set's key `slice`, {"axis": "z", "index": 0}; None for a map with a single plane
    Raises BadInput for a map with several planes of which none is chosen, and for one that is not there.
    """
    sizes = tuple(shape)
    if len(sizes) != 3 or 0 in sizes:
        raise BadInput(f"a map of shape {[*sizes]} has no plane [z, y, x] of sites")
    if chosen is None:
        if 1 not in sizes:
            raise BadInput(
                f"a map of {' x '.join(map(str, sizes))} sites (z, y, x): three dimensions are not yet read; "
                "take a slice, such as `slice: {axis: z, index: 0}`"
            )
        axis, index = sizes.index(1), 0
    else:
        axis, index = AXES.index(chosen["axis"]), chosen["index"]
        if index >= sizes[axis]:
            raise BadInput(f"slice.index: {index} is not one of the {sizes[axis]} planes along {AXES[axis]}, from 0")
    return tuple(index if i == axis else slice(None) for i in range(3))


def spacing_in_plane(spacing: Sequence[float], at: Sequence[int | slice], given: float | None = None) -> float:
    """The distance of neighbouring sites of a plane.

    spacing  along z, y and x, as a file says
    at       the plane's index
    given    what the configuration says instead; None: nothing
    Raises BadInput where it differs between the plane's axes, as sites must be squares, or is not known.
    """
    first, second = (float(along) for along, index in zip(spacing, at, strict=True) if isinstance(index, slice))
    if 0 < first < float("inf") and 0 < second < float("inf"):
        if abs(first - second) > 1e-3 * max(first, second):
            raise BadInput(f"sites are {second:g} x {first:g}, not square; resample the map to square sites")
    elif given is None:
        raise BadInput(f"the file says {second:g} and {first:g} for the distance of sites; give it by spacing")
    return second if given is None else given
