"""Edges listed as texts against a slow reference: pairs, order, lengths, and what is no edge."""

import random
import re

import numpy as np
import pytest

from graincast.microstructure import BadInput
from graincast.raw.listed_edges import listed_edges

EDGE = re.compile(r"\( *(0|[1-9][0-9]*) *, *(0|[1-9][0-9]*) *\)")
IDS = [0, 3, 7, 10, 999_999_999]
GRAIN_ID = np.array(IDS, np.int32)
LENGTHS = {(0, 1): 5, (1, 0): 5, (1, 4): 2, (4, 1): 2}
TOUCHING = np.array(sorted(LENGTHS), np.int32), np.array([LENGTHS[pair] for pair in sorted(LENGTHS)], np.int32)


def reference(texts):
    """Edges and lengths one by one; None if a text is no edge."""
    edges = set()
    for text in texts:
        ids = EDGE.fullmatch(text)
        if not ids or not {int(ids[1]), int(ids[2])} <= set(IDS):
            return None
        a, b = IDS.index(int(ids[1])), IDS.index(int(ids[2]))
        edges |= {(a, b), (b, a)} if a != b else set()
    return [[*pair] for pair in sorted(edges)], [LENGTHS.get(pair, 0) for pair in sorted(edges)]


def found(texts):
    edges, length = listed_edges(texts, GRAIN_ID, *TOUCHING)
    assert edges.dtype == length.dtype == np.int32 and edges.shape == (length.size, 2)
    return edges.tolist(), length.tolist()


@pytest.mark.parametrize("count", [0, 1, 2, 30])
def test_edges_equal_those_read_one_by_one(count):
    rng = random.Random(count)
    for _ in range(50):
        blanks = iter(lambda: " " * rng.choice([0, 0, 1, 3]), None)
        texts = [
            f"({next(blanks)}{rng.choice(IDS)}{next(blanks)},{next(blanks)}{rng.choice(IDS)}{next(blanks)})"
            for _ in range(count)
        ]
        assert found(dict.fromkeys(texts)) == reference(texts)


def test_a_changed_character_is_read_as_the_reference_does_or_refused():
    rng = random.Random(0)
    refused = 0
    for _ in range(3000):
        texts = ["(0, 3)", "(7,10)", "(999999999, 0)"]
        which = rng.randrange(3)
        at, new = (
            rng.randrange(len(texts[which])),
            rng.choice([*"0123456789(), \n", "", "\N{SUPERSCRIPT TWO}", "\ud800"]),
        )
        texts[which] = texts[which][:at] + new + texts[which][at + 1 :]
        expected = reference(texts)
        if expected is None:
            refused += 1
            with pytest.raises(BadInput, match=r"not a pair of nodes|leads to the absent node"):
                found(texts)
        else:
            assert found(texts) == expected
    assert 1000 < refused < 3000


@pytest.mark.parametrize(
    "text", ["", "\n", "(", "()", "(0)", "(0,", "(0, 3", "(0, 3) ", " (0, 3)", "(0, 3)\n", "(0, 3)\n(3, 7)"]
)
def test_a_text_that_is_no_pair_is_named(text):
    for texts in ([text], ["(0, 3)", text], [text, "(0, 3)"]):
        with pytest.raises(BadInput, match=f"edge {re.escape(repr(text))} is not a pair of nodes"):
            found(texts)


@pytest.mark.parametrize("node", ["1", "03", "00", "1000000000", "9999999990", "9" * 40])
def test_a_node_that_is_not_there_is_named(node):
    for text in (f"({node}, 3)", f"(3, {node})"):
        with pytest.raises(BadInput, match=f"leads to the absent node '{node}'"):
            found(["(0, 3)", text])
