"""Run-length masks in the COCO format: compressed strings of column-major run lengths, background first.

Each run length from the fourth on is stored as its difference from the one two before it, in groups of five bits with
the lowest first; a set sixth bit says that another group follows, the fifth bit of the last group is the sign, and
48 is added to make a printable character (pycocotools, `rleToString`).
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from graincast.microstructure import BadInput
from graincast.program.compiled import compiled
from graincast.raw.limits import MAX_SITES

_SIZE = re.compile(r"\[\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*\]")


def parse_size(size: object) -> tuple[int, int]:
    """(height, width) from a list of two integers or its text, such as "[512, 512]". Raises BadInput."""
    if isinstance(size, str) and (match := _SIZE.fullmatch(size.strip())):
        size = [int(match[1]), int(match[2])]
    if (
        not isinstance(size, list | tuple)
        or len(size) != 2
        or not type(size[0]) is type(size[1]) is int
        or min(size) < 1
    ):
        raise BadInput(f"an image size must be two positive integers, not {str(size)[:40]!r}")
    height, width = size
    if height * width > MAX_SITES:
        raise BadInput(f"an image of {height} x {width} sites is too large; at most {MAX_SITES} are read")
    return height, width


def paint_masks(
    masks: Mapping[str, object], shape: tuple[int, int], rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """An image of masks, given as {name: run-length string}: labels int32 [height, width], area int64 [masks].

    rows  bool [height], all false, or None; set to true where a row holds a site of a mask

    The sites of the first mask are 1, and so on; those of no mask are 0. Raises BadInput, with the mask's name, for a
    malformed string, runs that do not fill the image exactly, an empty mask, and one that overlaps another.
    """
    for name, counts in masks.items():
        if not isinstance(counts, str):
            raise BadInput(f"{name}: a mask's counts must be text, not {type(counts).__name__}")
        if not counts.isascii():
            raise BadInput(f"{name}: {_FAULTS[_MALFORMED]}")
    texts: Any = masks.values()
    code = np.frombuffer("".join(texts).encode("ascii"), np.uint8)
    sizes = np.array([*map(len, texts)], np.int64)
    labels, area = np.zeros(shape, np.int32), np.zeros(len(masks), np.int64)
    rows = np.zeros(shape[0], np.bool_) if rows is None else rows
    wrong, fault, total = _paint_masks(code, sizes, labels, area, rows)
    if fault:
        reason = _FAULTS[fault].format(total=total, height=shape[0], width=shape[1])
        raise BadInput(f"{list(masks)[wrong]}: {reason}")
    return labels, area


def encode_runs(runs: np.ndarray) -> str:
    """Run-length string of run lengths int64 [runs]."""
    runs = np.asarray(runs, dtype=np.int64)
    code = np.empty(13 * runs.size, np.uint8)
    return code[: _encode(runs, code)].tobytes().decode("ascii")


_MALFORMED, _NEGATIVE, _UNFIT, _EMPTY, _OVERLAP = -1, -2, -3, -4, -5
_FAULTS = {
    _MALFORMED: "malformed run-length string of a mask",
    _NEGATIVE: "negative run length in a mask",
    _UNFIT: "runs of {total} sites do not fit an image of {height} x {width}",
    _EMPTY: "its mask is empty",
    _OVERLAP: "the mask overlaps another one",
}


@compiled
def _paint_masks(code, sizes, labels, area, rows):
    """Paint masks, strings of these sizes in `code`; (mask, fault, its sites) of the first fault, or zeros."""
    runs, start = np.empty(code.size, np.int64), 0
    for i in range(area.size):
        count, total = _decode(code[start : start + sizes[i]], labels.size, runs)
        start += sizes[i]
        if count < 0:
            return i, count, 0
        if total != labels.size:
            return i, _UNFIT, total
        area[i] = _paint(labels, runs[:count], i + 1, rows)
        if area[i] < 0:
            return i, _OVERLAP, 0
        if area[i] == 0:
            return i, _EMPTY, 0
    return 0, 0, 0


@compiled
def _decode(code, size, runs):
    count, total, i = 0, 0, 0
    while i < code.size:
        value, shift, more = 0, 0, True
        while more:
            if i == code.size or shift > 35:
                return _MALFORMED, 0
            group: Any = np.int64(code[i]) - 48
            if group < 0 or group > 63:
                return _MALFORMED, 0
            value |= (group & 31) << shift
            shift += 5
            more = group & 32 != 0
            if not more and group & 16:
                value -= 1 << shift
            i += 1
        if count > 2:
            value += runs[count - 2]
        if value < 0:
            return _NEGATIVE, 0
        if value > size:
            return count, total + value  # does not fit, whatever follows
        runs[count] = value
        total += value
        count += 1
    return count, total


@compiled
def _paint(labels, runs, label, rows):
    height = labels.shape[0]
    area, position = 0, 0
    for i in range(runs.size):
        if i % 2:
            row, col = position % height, position // height
            for _ in range(runs[i]):
                if not rows[row]:
                    labels[row, col] = 0  # new memory that is read before it is written costs two page faults, not one
                    rows[row] = True
                if labels[row, col] != 0:
                    return -1
                labels[row, col] = label
                row += 1
                if row == height:
                    row, col = 0, col + 1
            area += runs[i]
        position += runs[i]
    return area


@compiled
def _encode(runs, code):
    end = 0
    for i in range(runs.size):
        value = runs[i] - (runs[i - 2] if i > 2 else 0)
        more = True
        while more:
            group = value & 31
            value >>= 5
            more = value != -1 if group & 16 else value != 0
            code[end] = group + (32 if more else 0) + 48
            end += 1
    return end
