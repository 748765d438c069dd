"""The word of a site's neighbourhood (events.py), and the largest rate at which a site with that word can flip.

For the most common site, with a single foreign grain, the bound is the exact rate.
"""

import numpy as np

from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY
from graincast.potts.events import BORDER_SHIFT, CANDIDATE_SHIFT, HIGH_SHIFT, TYPE_SHIFT, WORDS

NEIGHBOURS = 8
MAX_CLASSES = 64
CLASS_RATIO = 0.9
"""Words whose bounds differ by less than this factor share a class; a smaller value means more rejected draws."""

BOUND_UNIT = 2.0**-32
"""Class bounds are multiples of this, so sums of them are exact and never drift."""

STEPS = [(row, column) for row in (-1, 0, 1) for column in (-1, 0, 1) if row or column]


def flip_rates(temperature: float) -> np.ndarray:
    """Rate of one flip at unit mobility, min(1, exp(-dE / T)) with dE = same - other (DeCost & Holm 2017).

    float64 [9, 9], by the number of neighbours in the site's grain (same) and in the grain it would join (other).
    """
    same, other = np.mgrid[: NEIGHBOURS + 1, : NEIGHBOURS + 1]
    return np.exp(-np.maximum(same - other, 0) / temperature)


def mobilities(min_mobility: float, uniform: bool) -> np.ndarray:
    """float64 [3, 3] by grain type: 1 between candidate and high-mobility grains (or everywhere), else min_mobility."""
    mobility = np.full((3, 3), 1.0 if uniform else min_mobility)
    mobility[CANDIDATE, HIGH_MOBILITY] = mobility[HIGH_MOBILITY, CANDIDATE] = 1.0
    return mobility


def word_bounds(flip: np.ndarray, mobility: np.ndarray) -> np.ndarray:
    """The largest total flip rate of a site, over all ways to divide its foreign neighbours among grains.

    float64 [WORDS], by the lowest bits of the word; 0 if the site has no foreign neighbour or the word cannot occur.
    """
    worst = np.zeros((NEIGHBOURS + 1, NEIGHBOURS + 1))  # [same, foreign neighbours of one type]
    for count in range(1, NEIGHBOURS + 1):
        joined = np.arange(1, count + 1)
        worst[:, count] = (flip[:, joined] + worst[:, count - joined]).max(axis=1)
    word = np.arange(WORDS)
    same, high, candidate = word & 15, word >> HIGH_SHIFT & 15, word >> CANDIDATE_SHIFT & 15
    bounds = np.zeros(WORDS)
    for site_type in (CANDIDATE, LOW_MOBILITY, HIGH_MOBILITY):
        foreign = np.zeros((3, WORDS), np.int64)
        foreign[CANDIDATE], foreign[LOW_MOBILITY], foreign[HIGH_MOBILITY] = candidate, 8 - high - candidate, high
        foreign[site_type] -= same
        valid = (word >> TYPE_SHIFT == site_type) & (same <= NEIGHBOURS) & (foreign >= 0).all(0) & (foreign <= 8).all(0)
        bounds[valid] = mobility[site_type] @ worst[same[valid], foreign[:, valid]]
    return bounds


def classes(bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Words grouped into classes of similar bound; class 0 holds the words that cannot flip.

    Returns the class of each word, uint8 [WORDS], and the bound of each class, float64 [classes]: the largest of its
    words, rounded up to a multiple of BOUND_UNIT.
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
    class_bounds = np.concatenate([[0.0], (np.ceil(np.array(tops) / BOUND_UNIT) + 1) * BOUND_UNIT])
    return class_of_word.astype(np.uint8), class_bounds


def neighbour_steps(size: int) -> np.ndarray:
    """Steps from a flat site index to its eight periodic neighbours: int64 [9, 8], by 3 * row border + column border.

    Borders: 0 inside, 1 on the first row or column, 2 on the last.
    """
    steps = np.empty((3, 3, NEIGHBOURS), np.int64)
    position = np.array([1, 0, size - 1])
    for row_border, column_border in np.ndindex(3, 3):
        row, column = position[row_border], position[column_border]
        for k, (down, right) in enumerate(STEPS):
            steps[row_border, column_border, k] = ((row + down) % size - row) * size + (column + right) % size - column
    return steps.reshape(9, NEIGHBOURS)


def words(labels: np.ndarray, grain_type: np.ndarray) -> np.ndarray:
    """The word of each site of a periodic lattice: uint32 [L, L].

    labels int32 [L, L]; grain_type int8 [n + 1] by label.
    """
    kind = grain_type[labels].astype(np.int64)
    high, candidate = kind == HIGH_MOBILITY, kind == CANDIDATE
    border = np.zeros(len(labels), np.int64)
    border[0], border[-1] = 1, 2
    word = kind << TYPE_SHIFT | (3 * border[:, None] + border) << BORDER_SHIFT
    for step in STEPS:
        word += np.roll(labels, step, (0, 1)) == labels
        word += np.roll(high, step, (0, 1)) * np.int64(1 << HIGH_SHIFT)
        word += np.roll(candidate, step, (0, 1)) * np.int64(1 << CANDIDATE_SHIFT)
    return word.astype(np.uint32)


def type_steps() -> np.ndarray:
    """Increment of a site's word for one neighbour in a grain of each type: int64 [3]."""
    steps = np.zeros(3, np.int64)
    steps[HIGH_MOBILITY], steps[CANDIDATE] = 1 << HIGH_SHIFT, 1 << CANDIDATE_SHIFT
    return steps
