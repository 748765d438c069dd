"""Columns of numbers are those of Python's float; anything else is refused with its line."""

import numpy as np
import pytest

from graincast.microstructure import BadInput
from graincast.raw.number_lines import number_lines

WORDS = [
    "0",
    "-0",
    "+7",
    "00012",
    "1.",
    ".5",
    "-2.25",
    "1e3",
    "1E+03",
    "25e-2",
    "6.02e+17",
    "123456789012345678",
    "1e22",
]


@pytest.mark.parametrize("word", WORDS)
def test_numbers(word):
    assert number_lines(word.encode(), 1, 1, [0])[0, 0] == float(word)


def test_printed_numbers_are_read_back_to_rounding():
    values = np.random.default_rng(0).normal(size=500) * 10.0 ** np.arange(-5, 5).repeat(50)
    for form, error in (("%g", 0), ("%.6f", 0), ("%.15g", 1e-15)):
        words = [form % value for value in values]
        read = number_lines("\n".join(words).encode(), 500, 1, [0])[:, 0]
        np.testing.assert_allclose(read, [float(word) for word in words], rtol=error, atol=0)


@pytest.mark.parametrize(
    "word",
    [
        "nan",
        "inf",
        "1_0",
        "0x10",
        "-",
        "+",
        ".",
        "1..2",
        "1e",
        "1e+",
        "e5",
        "1e5.",
        "1e9999",
        "--1",
        "1-2",
        "9" * 19,
        "\u0661",
    ],
)
def test_other_words_are_refused_with_their_line(word):
    text = f"1 2\n3 4\n5 {word}\n7 8\n"
    with pytest.raises(BadInput, match=r"line 3 of its sites, '5 .*', is not 2 numbers"):
        number_lines(text.encode(), 4, 2, [1])
    assert number_lines(text.encode(), 4, 2, [0])[:, 0].tolist() == [1, 3, 5, 7]


@pytest.mark.parametrize(
    ("text", "line"), [("1 2\n3\n4 5 6\n", 2), ("1 2 3\n4\n", 1), ("1 2\n\n3 4\n", 2), ("1 2\n", 2)]
)
def test_each_line_has_its_values(text, line):
    with pytest.raises(BadInput, match=f"line {line} of its sites"):
        number_lines(text.encode(), text.count("\n") + 1, 2, [0])


def test_blanks_and_columns_in_any_order():
    values = number_lines(b" 1\t2  3 \r\n4 5\t6", 2, 3, [2, 0])
    assert values.tolist() == [[3, 1], [6, 4]]
