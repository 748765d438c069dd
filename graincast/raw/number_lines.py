"""Lines of numbers in a text, of which some columns are wanted, read by compiled code."""

from collections.abc import Sequence

import numpy as np

from graincast.microstructure import BadInput
from graincast.program.compiled import compiled

MOST_DIGITS = 18
"""Of a number without its exponent, leading zeros left out; they fit 64 bits."""


def number_lines(text: bytes, count: int, width: int, wanted: Sequence[int]) -> np.ndarray:
    """The wanted columns of a text of `count` lines with `width` values each, float64 [count, wanted].

    Values are separated by blanks; those of columns that are not wanted may be anything. Numbers are decimal, at most
    MOST_DIGITS long, with or without an exponent. Raises BadInput, which names the line, where one is anything else.
    """
    place = np.full(width, -1)
    place[list(wanted)] = np.arange(len(wanted))
    values = np.empty((count, len(wanted)))
    bad = _read(np.frombuffer(text, np.uint8), place, values)
    if bad >= 0:
        line = text.split(b"\n", bad + 1)[bad][:40].decode("ascii", "replace")
        raise BadInput(f"line {bad + 1} of its sites, {line!r}, is not {width} numbers")
    return values


@compiled
def _read(text, place, values):
    """Fills `values` [lines, wanted] with the columns at place[column] >= 0; returns the first bad line, or -1."""
    at, end = 0, text.size
    for row in range(values.shape[0]):
        for column in range(place.size):
            while at < end and (text[at] == 32 or text[at] == 9 or text[at] == 13):
                at += 1
            first = at
            while at < end and text[at] > 32:
                at += 1
            if at == first:
                return row
            if place[column] >= 0:
                number = _number(text[first:at])
                if number != number:
                    return row
                values[row, place[column]] = number
        while at < end and (text[at] == 32 or text[at] == 9 or text[at] == 13):
            at += 1
        if at < end and text[at] != 10:
            return row
        at += 1
    return -1


@compiled
def _number(word):
    """The value of a decimal number; NaN if it is none, or has too many digits."""
    at, size = 0, word.size
    negative = word[0] == 45
    if word[0] == 45 or word[0] == 43:
        at = 1
    mantissa, digits, seen, power, fraction = 0, 0, False, 0, False
    while at < size and (48 <= word[at] <= 57 or (word[at] == 46 and not fraction)):
        if word[at] == 46:
            fraction = True
        else:
            if digits == MOST_DIGITS:
                return np.nan
            seen = True
            mantissa = 10 * mantissa + int(word[at]) - 48
            digits += mantissa > 0
            power -= fraction
        at += 1
    if not seen:
        return np.nan
    if at < size:
        if word[at] != 101 and word[at] != 69:
            return np.nan
        at += 1
        down = at < size and word[at] == 45
        if at < size and (word[at] == 45 or word[at] == 43):
            at += 1
        if at == size or size - at > 3:
            return np.nan
        exponent = 0
        while at < size:
            if not 48 <= word[at] <= 57:
                return np.nan
            exponent = 10 * exponent + int(word[at]) - 48
            at += 1
        power += -exponent if down else exponent
    # powers of ten up to the 22nd are exact, and so is a quotient's rounding
    value = mantissa / 10.0 ** (-power) if power < 0 else mantissa * 10.0**power
    return -value if negative else value
