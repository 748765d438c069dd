"""A source of raw data is one entry and one module: its own keys are checked, hashed and handed to its reader."""

import argparse
import sys
import types
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from graincast.configuration import schema
from graincast.configuration.errors import ConfigError
from graincast.configuration.load import load
from graincast.configuration.yaml_file import read
from graincast.graphs import shards
from graincast.microstructure import BadInput
from graincast.planning.jobs import jobs
from graincast.planning.plan import Plan
from graincast.raw import manifest, sources
from graincast.raw.sources import SOURCES, Source
from scripts import graphs
from tests.recipes import recipe
from tests.tables import microstructure
from tests.workflow import small

SCALE = {"description": "A factor.", "type": "integer", "minimum": 1, "maximum": 9, "default": 2}


@pytest.fixture
def made_up(monkeypatch) -> list[dict]:
    """A source `made-up` whose runs are *.txt files, with a key `scale` of its own; the arguments of its reader."""
    calls: list[dict] = []

    def read_one(path: Path, name: str, scale: int):
        calls.append({"path": path, "scale": scale})
        if path.read_text() == "bad":
            raise BadInput("it is bad")
        return replace(microstructure(name, 1), name=name)

    found = Source(
        "made up",
        "made_up",
        lambda root: sorted(root.glob("*.txt")),
        sources._itself,
        ("path",),
        settings={"scale": SCALE},
    )
    monkeypatch.setitem(SOURCES, "made-up", found)
    monkeypatch.setitem(sys.modules, "graincast.raw.made_up", types.SimpleNamespace(read=read_one))
    schema.shared.cache_clear()
    yield calls
    schema.shared.cache_clear()


def configuration(folder: Path, **dataset) -> Path:
    small.write_configuration(folder)
    file = folder / "small.yaml"
    content = yaml.safe_load(file.read_text()) | {"experiments": ["made"]}
    content["datasets"] = {"made": {"source": "made-up", "path": str(folder), **dataset}}
    file.write_text(yaml.safe_dump(content))
    return file


def test_its_keys_are_checked_and_hashed(made_up, tmp_path, monkeypatch):
    monkeypatch.setitem(SOURCES, "made-up", replace(SOURCES["made-up"], keys=("path", "shards", "hops", "time_steps")))
    file = configuration(tmp_path, scale=3)
    (graph,) = [job for job in jobs(Plan(load(read(file), file)), []) if job.name == "graphs/made/0000"]
    assert graph.parameters["scale"] == 3
    assert "graincast/raw/made_up.py" in graph.programs
    for value, message in ((0, "datasets.made.scale: 0 is less than the minimum of 1"), ("x", "is not an integer")):
        file = configuration(tmp_path, scale=value)
        with pytest.raises(ConfigError, match=message):
            load(read(file), file)
    file = configuration(tmp_path, scal=1)
    with pytest.raises(ConfigError, match="unknown key 'scal'; did you mean 'scale'"):
        load(read(file), file)


def test_its_reader_gets_them(made_up, tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.txt").write_text("good")
    (raw / "b.txt").write_text("bad")
    source = SOURCES["made-up"]
    manifest.scan(raw, source.runs, source.files, 1, tmp_path / "manifests")
    parameters = recipe(tmp_path / "recipe.json", source="made-up", hops=None, time_steps="all", scale=4)
    files = {"out": tmp_path / "0000.h5", "rejected": tmp_path / "rejected.csv"}
    graphs.main(
        argparse.Namespace(
            recipe=parameters, name="x/0000", manifest=tmp_path / "manifests/0000.json", root=raw, **files
        )
    )
    assert [call["scale"] for call in made_up] == [4, 4]
    assert [call["path"].name for call in made_up] == ["a.txt", "b.txt"]
    assert len(shards.names([tmp_path / "0000.h5"])) == 1
    assert "it is bad" in (tmp_path / "rejected.csv").read_text()
