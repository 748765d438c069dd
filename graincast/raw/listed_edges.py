"""The edges that a grain graph lists as texts, "(3, 17)", read by compiled code."""

import re
from collections.abc import Collection

import numpy as np

from graincast.microstructure import BadInput
from graincast.program.compiled import compiled

_EDGE = re.compile(r"\( *([0-9]+) *, *([0-9]+) *\)")
MOST_DIGITS = 9
"""Of a grain id, which has no leading zeros."""


def listed_edges(
    texts: Collection[str], grain_id: np.ndarray, touching: np.ndarray, touching_length: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The listed edges in both directions, int32 [m, 2], and their boundary lengths, int32 [m].

    texts            pairs of grain ids; one direction is enough, and a pair of one grain is left out
    grain_id         int32 [n], ascending, of at most MOST_DIGITS digits
    touching         int32 [m, 2], adjacent pairs of node indices, in both directions, sorted
    touching_length  int32 [m], their boundary lengths

    Edges are node indices (source, target), sorted. A boundary that is not among the adjacent pairs has length 0.
    Raises BadInput for a text that is no pair, and for an id that is not there.
    """
    lines = np.frombuffer("\n".join([*texts, ""]).encode("ascii", "replace"), np.uint8)
    keys = np.empty(2 * len(texts), np.int64)
    if not _read(lines, grain_id, keys):
        raise _fault(texts, grain_id)
    keys.sort()
    return _with_lengths(keys, grain_id.size, touching, touching_length)


def _fault(texts: Collection[str], grain_id: np.ndarray) -> BadInput:
    pairs = [_EDGE.fullmatch(text) for text in texts]
    for text, pair in zip(texts, pairs, strict=True):
        if pair is None:
            return BadInput(f"edge {text[:40]!r} is not a pair of nodes")
    present = set(map(str, grain_id.tolist()))
    absent = next(node for pair in pairs if pair for node in pair.groups() if node not in present)
    return BadInput(f"an edge leads to the absent node {absent!r}")


_BLANK, _OPEN, _CLOSE, _COMMA, _ZERO, _NINE, _END = b" (),09\n"


@compiled
def _read(lines, grain_id, keys):
    """Fill `keys` with source * n + target of each line and of its reverse; false if any line is not an edge.

    lines  uint8, as many lines as edges, or more if a text holds a line break; each is read no further than its end
    """
    n, at = grain_id.size, 0
    for i in range(0, keys.size, 2):
        if lines[at] != _OPEN:
            return False
        source, at = _node(lines, at + 1, grain_id)
        if source < 0 or lines[at] != _COMMA:
            return False
        target, at = _node(lines, at + 1, grain_id)
        if target < 0 or lines[at] != _CLOSE or lines[at + 1] != _END:
            return False
        at += 2
        keys[i], keys[i + 1] = source * n + target, target * n + source
    return at == lines.size


@compiled
def _node(lines, at, grain_id):
    """The index of the node whose id comes next, among blanks, or -1; and the place of what follows."""
    while lines[at] == _BLANK:
        at += 1
    first, value = at, 0
    while _ZERO <= lines[at] <= _NINE and at - first < MOST_DIGITS:
        value = 10 * value + lines[at] - _ZERO
        at += 1
    is_id = at > first and (lines[first] != _ZERO or at == first + 1)
    while lines[at] == _BLANK:
        at += 1
    low, size = 0, grain_id.size
    while size > 1:  # a binary search without a branch to predict
        half = size // 2
        low += half if grain_id[low + half] <= value else 0
        size -= half
    return (low if is_id and grain_id[low] == value else -1), at


@compiled
def _with_lengths(keys, n, touching, touching_length):
    """The distinct edges among sorted keys, self loops left out, and their boundary lengths."""
    edges, length = np.empty((keys.size, 2), np.int32), np.empty(keys.size, np.int32)
    count, at, last = 0, 0, -1
    for key in keys:
        source, target = key // n, key % n
        if key == last or source == target:
            continue
        last = key
        while at < touching_length.size and touching[at, 0] * n + touching[at, 1] < key:
            at += 1
        touches = at < touching_length.size and touching[at, 0] * n + touching[at, 1] == key
        edges[count, 0], edges[count, 1], length[count] = source, target, touching_length[at] if touches else 0
        count += 1
    return edges[:count].copy(), length[:count].copy()
