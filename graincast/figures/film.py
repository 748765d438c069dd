"""Films of growth: the simulator grows a microstructure, and each record becomes a picture of a GIF."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from graincast.features.coarse_growth import MIN_MOBILITY, TEMPERATURE
from graincast.figures import microstructure
from graincast.files.atomic import whole
from graincast.microstructure import BadInput, Microstructure
from graincast.potts import protocol

SIDE = 360
"""A map is enlarged by a whole number to about this many pixels."""
CAPTION = 16
PICTURE_MS, LAST_MS = 150, 2000
"""How long a picture is shown, and the last."""


def write(
    path: Path,
    one: Microstructure,
    end: float | None = None,
    pictures: int = 40,
    seed: int = 0,
) -> None:
    """Write the growth of a microstructure as a GIF, its candidate in the middle.

    end       MCS; None: as long as its own growth runs
    pictures  records at equal intervals, the initial state the first
    seed      of the growth, which is none of the microstructure's own runs
    Raises BadInput where there is nothing to say how long, or to grow.
    """
    if end is None:
        if not one.times:
            raise BadInput(f"{one.name}: has no growth run to say how long it grows; give --duration MCS")
        end = float(one.times[0][-1])
    if not 0 < end < math.inf or pictures < 2:
        raise BadInput(f"a film needs a duration above 0 and at least 2 pictures, not {end:g} MCS and {pictures}")
    size = max(1, SIDE // max(one.labels.shape))
    drawn = [
        Image.fromarray(picture).convert("P", palette=Image.Palette.ADAPTIVE)
        for picture in frames(one, np.linspace(0, end, pictures), size, seed)
    ]
    shown = [PICTURE_MS] * (pictures - 1) + [LAST_MS]
    with whole(path) as unfinished:
        drawn[0].save(unfinished, "GIF", save_all=True, append_images=drawn[1:], duration=shown, loop=0, disposal=1)


def frames(one: Microstructure, times: np.ndarray, enlarged: int = 1, seed: int = 0) -> Iterator[np.ndarray]:
    """The pictures at some times, uint8 [height, width, 3]: the map with time and growth ratio below it."""
    grown = protocol.grow(
        one.labels,
        one.type_by_label,
        temperature=TEMPERATURE,
        min_mobility=MIN_MOBILITY,
        record_times=times,
        periodic=(one.periodic[0], one.periodic[1]),
        seed=seed,
        snapshots=True,
    )
    assert grown.snapshots is not None
    candidate = one.candidate_index + 1
    middle = one.labels == candidate
    for time, labels, areas in zip(times, grown.snapshots, grown.areas, strict=True):
        picture = microstructure.rgb(replace(one, labels=labels), centre_of=middle)
        large = picture.repeat(enlarged, axis=0).repeat(enlarged, axis=1)
        ratio = areas[candidate] / grown.areas[0, candidate]
        yield np.concatenate([large, _caption(large.shape[1], f"{time:,.0f} MCS, growth ratio {ratio:.1f}")])


def _caption(width: int, text: str) -> np.ndarray:
    """A white strip with a line of text, uint8 [CAPTION, width, 3]."""
    strip = Image.new("RGB", (width, CAPTION), "white")
    ImageDraw.Draw(strip).text((3, 2), text, fill="black")
    return np.array(strip)
