"""The summary of a data set: its table, and what it prints about rejected input."""

import argparse
from dataclasses import replace
from pathlib import Path

import pytest

from graincast.files import csv_table
from graincast.graphs import shards
from scripts.summarise import main, reasons
from tests.tables import microstructure


@pytest.mark.parametrize(("group", "columns"), [("b", {}), ("a", {"group": ["a", "a"]})])
def test_groups_are_listed_if_one_differs_from_its_name(tmp_path, group, columns):
    graphs = [microstructure("a", 1), replace(microstructure("b", 2), group=group)]
    shards.write(tmp_path / "0.h5", graphs)
    out = {"out": tmp_path / "summary.csv", "out_rejected": tmp_path / "rejected.csv"}
    main(argparse.Namespace(name="made", graphs=[tmp_path / "0.h5"], rejected=[], splits=[], **out))
    header, rows = csv_table.read(tmp_path / "summary.csv")
    assert header == ["microstructure", *columns, "grains", "cgr_1"]
    assert dict(zip(header, zip(*rows, strict=True), strict=True)) | {"cgr_1": ()} == {
        "microstructure": ("a", "b"),
        **{key: tuple(values) for key, values in columns.items()},
        "grains": tuple(str(one.grain_id.size) for one in graphs),
        "cgr_1": (),
    }


def test_columns_of_growth_runs_go_by_name(tmp_path):
    one = microstructure("a", 1, records=(2, 2, 2))
    other = replace(microstructure("b", 2, records=(2, 2)), runs=["1", "3"])
    named = replace(microstructure("c", 3, records=(2, 2)), runs=["10", "hot"])
    shards.write(tmp_path / "0.h5", [one, other, named])
    out = {"out": tmp_path / "summary.csv", "out_rejected": tmp_path / "rejected.csv"}
    main(argparse.Namespace(name="made", graphs=[tmp_path / "0.h5"], rejected=[], splits=[], **out))
    rows = {row["microstructure"]: row for row in csv_table.records(tmp_path / "summary.csv")}
    assert [key for key in rows["a"] if key.startswith("cgr")] == ["cgr_1", "cgr_2", "cgr_3", "cgr_10", "cgr_hot"]
    ratios = {m.name: [f"{ratio:.6g}" for ratio in m.candidate_growth_ratios] for m in (one, other, named)}
    assert [rows["b"][f"cgr_{run}"] for run in "123"] == [ratios["b"][0], "", ratios["b"][1]]
    assert [rows["a"][f"cgr_{run}"] for run in "123"] == ratios["a"]
    assert [rows["c"][f"cgr_{run}"] for run in ("1", "10", "hot")] == ["", *ratios["c"]]


def test_reasons_are_listed_with_the_path_of_their_table():
    table = Path("results/rejected.csv")
    assert reasons([], table) == ""
    assert reasons([["a", "cut short"]], table) == " (results/rejected.csv)\n  a: cut short"
    lines = reasons([[str(i), "x"] for i in range(11)], table).splitlines()
    assert lines[0] == " (results/rejected.csv)" and lines[-2:] == ["  9: x", "  …"]
