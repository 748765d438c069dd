"""What the summary of a data set says of rejected input."""

from pathlib import Path

from scripts.summarise import reasons


def test_the_reasons_are_told_with_the_place_of_the_table():
    table = Path("results/rejected.csv")
    assert reasons([], table) == ""
    assert reasons([["a", "cut short"]], table) == " (results/rejected.csv)\n  a: cut short"
    many = reasons([[str(i), "x"] for i in range(11)], table).splitlines()
    assert many[0] == " (results/rejected.csv)" and many[-2:] == ["  9: x", "  …"]
