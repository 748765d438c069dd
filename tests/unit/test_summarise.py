"""What the summary of a data set prints about rejected input."""

from pathlib import Path

from scripts.summarise import reasons


def test_reasons_are_listed_with_the_path_of_their_table():
    table = Path("results/rejected.csv")
    assert reasons([], table) == ""
    assert reasons([["a", "cut short"]], table) == " (results/rejected.csv)\n  a: cut short"
    lines = reasons([[str(i), "x"] for i in range(11)], table).splitlines()
    assert lines[0] == " (results/rejected.csv)" and lines[-2:] == ["  9: x", "  …"]
