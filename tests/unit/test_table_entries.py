"""Adding an entry to a table makes no result stale that does not use it; editing one makes those that do."""

import ast
from pathlib import Path

import pytest

from graincast.planning import code_digest
from graincast.planning.table_entries import restricted

ROOT = Path(__file__).parents[2]
MODULE = """
LIMIT = 3
OTHER = {1: "no text"}

def shared(x):
    return x + LIMIT

def first(x):
    return shared(x)

def second(x):
    return shared(x) + deeper(x)

def deeper(x):
    return 2 * x

def on_its_own(x):
    return x

TABLE = {"first": Entry(first, "a"), "second": Entry(second, "b"), "third": Entry(lambda x: x, "c")}
"""


def digest(text: str, *entries: str) -> str:
    return code_digest.digest(restricted(ast.parse(text), entries))


@pytest.mark.parametrize(
    ("edit", "entries", "same"),
    [
        (("2 * x", "3 * x"), ("first", "third"), True),
        (("2 * x", "3 * x"), ("second",), False),
        (('second, "b"', 'second, "d"'), ("first",), True),
        (("x + LIMIT", "x - LIMIT"), ("first",), False),
        (("x + LIMIT", "x - LIMIT"), ("third",), True),
        (("LIMIT = 3", "LIMIT = 4"), ("third",), False),
        (("def on_its_own(x):\n    return x", "def on_its_own(x):\n    return 1"), ("first",), False),
        (("TABLE = {", 'def new(x):\n    return deeper(x)\n\nTABLE = {"new": Entry(new, "n"), '), ("first",), True),
        (("TABLE = {", 'def new(x):\n    return deeper(x)\n\nTABLE = {"new": Entry(new, "n"), '), ("second",), True),
        (('"no text"', '"other"'), ("first",), False),
    ],
)
def test_only_what_the_entries_use_counts(edit, entries, same):
    assert edit[0] in MODULE
    assert (digest(MODULE.replace(*edit), *entries) == digest(MODULE, *entries)) == same


def test_the_entries_themselves_count():
    assert digest(MODULE, "first") != digest(MODULE, "first", "second")
    assert digest(MODULE) != digest(MODULE, "third")


def test_a_table_that_is_taken_over_stays_and_hides_no_entry():
    text = MODULE.replace('"a")', '"a"), **OTHERS')
    assert digest(text.replace("2 * x", "3 * x"), "first") == digest(text, "first")
    assert digest(text.replace("OTHERS", "OTHER"), "first") != digest(text, "first")


@pytest.mark.parametrize(
    ("path", "table", "entry"),
    [
        ("graincast/features/nodes.py", "NODE_FEATURES", "area"),
        ("graincast/features/shells.py", "SHELL_FEATURES", "driving_force"),
        ("graincast/features/edges.py", "EDGE_FEATURES", "boundary_length"),
        ("graincast/raw/sources.py", "SOURCES", "spparks"),
    ],
)
def test_an_addition_to_a_table_of_the_library_changes_nothing_for_the_others(path, table, entry):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert f"{table} = {{" in text
    added = text.replace(f"{table} = {{", f"def added(m):\n    return 0\n\n\n{table} = {{\n    'added': Entry(added),")
    assert digest(added, entry) == digest(text, entry)
    assert digest(added, "added") != digest(text, "added")
    assert digest(text, entry) != digest(text)
