"""Dumps as a data set: runs are found, named, read into shards or set aside, and notes reach the summary."""

import argparse

import numpy as np

from graincast.files import csv_table
from graincast.graphs import shards
from graincast.raw import manifest
from graincast.raw.sources import SOURCES
from scripts import graphs, summarise
from tests.dumps import dump, frame, site_file
from tests.recipes import recipe

STATE = np.tile([1, 1, 2, 2, 1, 1, 3, 3], (4, 1))


def test_from_files_to_the_summary(tmp_path):
    raw = tmp_path / "raw"
    (raw / "frames").mkdir(parents=True)
    merged, grown = STATE.copy(), STATE.copy()
    merged[3, 2:4], grown[1:, 6] = 1, 1
    dump(raw / "merging.dump", [STATE, merged], flags="ff ff pp")
    for time, state in ((0, STATE), (5, grown)):
        (raw / f"frames/dump.potts.{time}").write_text(frame(state, time, flags="ff ff pp"))
    (raw / "start.sites").write_text(site_file(STATE))
    (raw / "killed.dump").write_text(frame(STATE) + frame(STATE, 5)[:-20])
    (raw / "in.potts").write_text("app_style potts 3")
    source = SOURCES["spparks-dump"]
    manifest.scan(raw, source.runs, source.files, 1, tmp_path / "manifests")
    settings = {"source": "spparks-dump", "grains": "clusters", "start": 0, "candidates": "largest"}
    settings["types"] = {"by": "fraction", "red": 0.5, "seed": 1}
    made = {"out": tmp_path / "0000.h5", "rejected": tmp_path / "rejected.csv"}
    asked = recipe(tmp_path / "recipe.json", **settings)
    manifests = tmp_path / "manifests/0000.json"
    graphs.main(argparse.Namespace(recipe=asked, name="x/0000", manifest=manifests, root=raw, **made))
    assert csv_table.rows(made["rejected"])[0][0] == "killed.dump"
    assert len(csv_table.rows(made["rejected"])) == 1
    growth = {one.name: [run.tolist() for run in one.areas] for one in shards.read(made["out"])}
    assert growth == {
        "frames@1": [[[8, 8, 8, 8], [8, 8, 11, 5]]],
        "merging.dump@1": [],
        "start.sites@1": [],
    }
    listed = {"out": tmp_path / "summary.csv", "out_rejected": tmp_path / "all_rejected.csv"}
    summarise.main(
        argparse.Namespace(
            name="x", graphs=[made["out"]], rejected=[made["rejected"]], splits=[], recipe=None, **listed
        )
    )
    rows = {row["microstructure"]: row for row in csv_table.records(listed["out"])}
    assert {name: row["note"] for name, row in rows.items()} == {
        "frames@1": "",
        "merging.dump@1": "no growth run: by 10 MCS, grains 1 and 3 have merged",
        "start.sites@1": "",
    }
