"""The word of a site's neighbourhood (events.py), and the largest rate at which a site with that word can flip.

For the most common site, with a single foreign grain, the bound is the exact rate.
"""

import functools
from decimal import Decimal, localcontext
from typing import NamedTuple

import numpy as np

from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY
from graincast.potts.events import (
    ALIKE_WORDS,
    CANDIDATE_SHIFT,
    HIGH_SHIFT,
    INERT_SHIFT,
    MAX_CLASSES,
    PLAIN_WORDS,
    TYPE_SHIFT,
    WORDS,
)

NEIGHBOURS = 8
INERT = 3
"""The type of a site without a grain (label 0): it never flips, and counts as no neighbour."""
CLASS_RATIO = 0.97
"""Words whose bounds differ by less than this factor share a class; a smaller value means more rejected draws."""

STEPS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column]


class Rates(NamedTuple):
    """All that depends on temperature and mobilities.

    flip        float64 [9, 9], rate of one flip at unit mobility, by neighbours in the site's grain and in the other
    mobility    float64 [3, 3] by grain type; None if all sites are alike
    class_of    uint8 [words], class of each word by its lowest bits
    bound       float64 [classes], bound of each class
    plain_rate  float64 [words], rate of a site at which two grains meet, NaN for words of no such site
    """

    flip: np.ndarray
    mobility: np.ndarray | None
    class_of: np.ndarray
    bound: np.ndarray
    plain_rate: np.ndarray


@functools.lru_cache(maxsize=8)
def rates(temperature: float, min_mobility: float, uniform: bool, one_candidate: bool, inert: bool) -> Rates:
    """The tables of a simulation.

    one_candidate  whether at most one grain is a candidate grain, which makes some bounds smaller
    inert          whether there are inert sites; without them, the tables are smaller

    Sites are alike where neither types nor inert neighbours distinguish them. Then a word is the number of neighbours
    that are not of the same grain, and its class as well, unless two numbers have to share one.
    """
    flip, mobility = flip_rates(temperature), mobilities(min_mobility, uniform)
    class_of, bound = classes(word_bounds(flip, mobility, one_candidate, WORDS if inert else PLAIN_WORDS))
    unlike = np.arange(NEIGHBOURS + 1)
    by_number = class_of[NEIGHBOURS - unlike | LOW_MOBILITY << TYPE_SHIFT]
    if uniform and not inert and len(set(by_number)) == len(unlike):
        own_class = np.resize(unlike, ALIKE_WORDS).astype(np.uint8)
        return Rates(flip, None, own_class, bound[by_number], flip[NEIGHBOURS - unlike, unlike])
    return Rates(flip, mobility, class_of, bound, plain_rates(flip, mobility))


def flip_rates(temperature: float) -> np.ndarray:
    """Rate of one flip at unit mobility, min(1, exp(-dE / T)) with dE = same - other (DeCost & Holm 2017).

    float64 [9, 9], by the number of neighbours in the site's grain (same) and in the grain it would join (other).
    Decimal arithmetic, as a machine's exp may differ in the last bit.
    """
    same, other = np.mgrid[: NEIGHBOURS + 1, : NEIGHBOURS + 1]
    with localcontext() as context:
        context.prec = 25
        by_climb = np.array([float((-k / Decimal(float(temperature))).exp()) for k in range(NEIGHBOURS + 1)])
    return by_climb[np.maximum(same - other, 0)]


def mobilities(min_mobility: float, uniform: bool) -> np.ndarray:
    """float64 [3, 3] by grain type: 1 between candidate and high-mobility grains (or everywhere), else min_mobility."""
    mobility = np.full((3, 3), 1.0 if uniform else min_mobility)
    mobility[CANDIDATE, HIGH_MOBILITY] = mobility[HIGH_MOBILITY, CANDIDATE] = 1.0
    return mobility


def word_bounds(flip: np.ndarray, mobility: np.ndarray, one_candidate: bool, words: int) -> np.ndarray:
    """The largest total flip rate of a site, over all ways to divide its foreign neighbours among grains.

    float64 [words], by the lowest bits of the word; 0 if the site has no foreign neighbour or the word cannot occur.
    """
    worst = np.zeros((NEIGHBOURS + 1, NEIGHBOURS + 1))  # [same, foreign neighbours of one type]
    for count in range(1, NEIGHBOURS + 1):
        joined = np.arange(1, count + 1)
        worst[:, count] = (flip[:, joined] + worst[:, count - joined]).max(axis=1)
    undivided = np.where(np.arange(NEIGHBOURS + 1) > 0, flip, 0)
    of_type = {CANDIDATE: undivided if one_candidate else worst, LOW_MOBILITY: worst, HIGH_MOBILITY: worst}
    bounds = np.zeros(words)
    for site_type in of_type:
        same, foreign, valid = _counts(site_type, words)
        for other, rate in of_type.items():
            bounds[valid] += mobility[site_type, other] * rate[same[valid], foreign[other, valid]]
    return bounds


def plain_rates(flip: np.ndarray, mobility: np.ndarray) -> np.ndarray:
    """The flip rate of a site with one foreign grain and no inert neighbour: float64 [PLAIN_WORDS], NaN elsewhere."""
    rate = np.full(PLAIN_WORDS, np.nan)
    for site_type in (CANDIDATE, LOW_MOBILITY, HIGH_MOBILITY):
        same, foreign, valid = _counts(site_type, PLAIN_WORDS)
        for other in (CANDIDATE, LOW_MOBILITY, HIGH_MOBILITY):
            one = valid & (foreign[other] == NEIGHBOURS - same) & (same < NEIGHBOURS)
            rate[one] = mobility[site_type, other] * flip[same[one], NEIGHBOURS - same[one]]
    return rate


def _counts(site_type: int, words: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each word: neighbours in the site's grain [words], in others by type [3, words], whether it can occur."""
    word = np.arange(words)
    same, inert = word & 15, word >> INERT_SHIFT & 15
    foreign = np.empty((3, words), np.int64)
    foreign[HIGH_MOBILITY], foreign[CANDIDATE] = word >> HIGH_SHIFT & 15, word >> CANDIDATE_SHIFT & 15
    foreign[LOW_MOBILITY] = NEIGHBOURS - inert - foreign[HIGH_MOBILITY] - foreign[CANDIDATE]
    foreign[site_type] -= same
    valid = (word >> TYPE_SHIFT & 3 == site_type) & (same <= NEIGHBOURS)
    return same, foreign, valid & (foreign >= 0).all(0) & (foreign <= NEIGHBOURS).all(0)


def classes(bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words grouped into classes of similar bound; class 0 holds the words that cannot flip.

    Returns the class of each word, uint8 [words], and the bound of each class, float64 [classes]: the largest of its
    words.
    """
    values = np.unique(bounds[bounds > 0])[::-1]
    ratio = CLASS_RATIO
    while True:
        tops: list[float] = []
        for value in values:
            if not tops or value < ratio * tops[-1]:
                tops.append(value)
        if len(tops) < MAX_CLASSES:
            break
        ratio *= ratio
    class_of_word = np.where(bounds > 0, np.searchsorted(-np.array(tops), -bounds, side="right"), 0)
    return class_of_word.astype(np.uint8), np.concatenate([[0.0], tops])


def neighbour_steps(shape: tuple[int, int], stride: int) -> np.ndarray:
    """Steps from a site's number to those of its eight neighbours on a torus: int64 [9, 8], by 3 * row + column edge.

    Site (row, column) has number row * stride + column. Edges: 0 inside, 1 on the first row or column, 2 on the last.
    """
    steps = np.empty((3, 3, NEIGHBOURS), np.int64)
    rows, columns = shape
    for row_edge, column_edge in np.ndindex(3, 3):
        row, column = (1, 0, rows - 1)[row_edge], (1, 0, columns - 1)[column_edge]
        for k, (down, right) in enumerate(STEPS):
            to_row, to_column = (row + down) % rows, (column + right) % columns
            steps[row_edge, column_edge, k] = (to_row - row) * stride + to_column - column
    return steps.reshape(9, NEIGHBOURS)


def words(labels: np.ndarray, grain_type: np.ndarray | None) -> np.ndarray:
    """The word of each site of a torus: uint32 [rows, columns].

    labels int32 [rows, columns], 0 for inert sites; grain_type int8 [n + 1] by label, None if all sites are alike.
    """
    word = np.full(labels.shape, ALIKE_WORDS if grain_type is None else WORDS, np.int32)
    word[1:-1, 1:-1] = 0
    if grain_type is None:
        for step in STEPS:
            word += np.roll(labels, step, (0, 1)) != labels
        return word.view(np.uint32)
    kind = np.where(labels > 0, grain_type[labels], np.int8(INERT))
    word |= kind.astype(np.int32) << TYPE_SHIFT
    count = type_steps().astype(np.int32)
    for step in STEPS:
        word += np.roll(labels, step, (0, 1)) == labels
        word += count[np.roll(kind, step, (0, 1))]
    return word.view(np.uint32)


def type_steps() -> np.ndarray:
    """Increment of a site's word for one neighbour of each type: int64 [4]."""
    steps = np.zeros(4, np.int64)
    steps[HIGH_MOBILITY], steps[CANDIDATE], steps[INERT] = 1 << HIGH_SHIFT, 1 << CANDIDATE_SHIFT, 1 << INERT_SHIFT
    return steps
