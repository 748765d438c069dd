"""Broken links, pipes, devices and strange names in raw data: each is listed with its reason, and the rest is read."""

import argparse
import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from graincast.files import csv_table
from graincast.graphs import shards
from graincast.microstructure import BadInput
from graincast.program.recipe import Recipe
from graincast.raw import deepspparks, manifest
from graincast.raw.sources import SOURCES
from scripts import graphs
from tests.recipes import recipe_file
from tests.synthetic import write_folder
from tests.unit.test_spparks import STATS, write_run

LATIN_1 = os.fsdecode(b"Korngr\xf6sse.json")


def broken_link(path):
    path.symlink_to("../annex/absent.json")


def folder_link(path):
    path.with_suffix("").symlink_to("/nowhere/at/all")


def loop(path):
    path.symlink_to(path.name)


def pipe(path):
    os.mkfifo(path)


def unix_socket(path):
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path may have 107 bytes
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(path.name)
    os.chdir(here)


def device(path):
    path.symlink_to("/dev/zero")


KINDS = {
    broken_link: "a symbolic link that leads nowhere; fetch the file or remove the link",
    folder_link: "a symbolic link that leads nowhere; fetch the file or remove the link",
    loop: "a loop of symbolic links; remove it",
    pipe: "not a regular file but a pipe",
    unix_socket: "not a regular file but a socket",
    device: "not a regular file but a device",
}
NAMES = {
    LATIN_1: r"Korngr\xf6sse",
    "a\rb.json": r"a\rb",
    "a\n.json": r"a\n",
    "sub\x1b/a.json": r"sub\x1b/a",
    "a\u2028b.json": r"a\u2028b",
    "a\x7f.json": r"a\x7f",
}
"""Unusable names, and how they are shown."""


def made(tmp_path, root, source="deepspparks-json"):
    """The names and the rejected rows of a folder, from planning and reading it in two shards."""
    one = SOURCES[source]
    manifest.scan(root, one.runs, one.files, 2, tmp_path / "manifests")
    names, rejected = [], []
    for shard in manifest.shard_names(2):
        arguments = argparse.Namespace(
            recipe=Recipe(recipe_file(tmp_path / "recipe.json", source=source)),
            name="d",
            manifest=tmp_path / "manifests" / f"{shard}.json",
            root=root,
            out=tmp_path / f"{shard}.h5",
            rejected=tmp_path / f"{shard}.csv",
        )
        graphs.main(arguments)
        names += [graph.name for graph in shards.read(arguments.out)]
        rejected += csv_table.rows(arguments.rejected)
    return sorted(names), sorted(rejected)


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "raw", 3, size=12, grains=4)


@pytest.mark.parametrize("make", KINDS)
def test_what_is_not_a_regular_file_is_rejected(tmp_path, folder, make):
    make(folder / "strange.json")
    assert made(tmp_path, folder) == (["run-00", "run-01", "run-02"], [["strange", KINDS[make]]])


@pytest.mark.parametrize("make", KINDS)
def test_what_is_not_a_regular_file_is_rejected_by_the_reader_too(tmp_path, make):
    make(tmp_path / "strange.json")
    with pytest.raises(BadInput, match=KINDS[make]):
        deepspparks.read(tmp_path / ("strange" if make is folder_link else "strange.json"), "a")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_no_table_can_hold_is_rejected(tmp_path, folder, name):
    (folder / name).parent.mkdir(exist_ok=True)
    try:
        shutil.copy(folder / "run-00.json", folder / name)
    except OSError as error:
        pytest.skip(f"the file system refuses the name: {error}")
    names, ((shown, reason),) = made(tmp_path, folder)
    assert names == ["run-00", "run-01", "run-02"]
    assert shown == NAMES[name]
    assert reason == f"the name {shown}.json has control characters or is not UTF-8; rename it"


def test_other_names_are_kept(tmp_path, folder):
    odd = ["ü ñ", "a, b", 'say "c"', "粒", "a\u00a0b", " d ", "#e", "f$"]
    for seed, name in enumerate(odd):
        text = (folder / "run-00.json").read_text().replace("4000000.0", f"400000{seed + 1}.0")
        (folder / f"{name}.json").write_text(text)
    names, rejected = made(tmp_path, folder)
    assert names == sorted(["run-00", "run-01", "run-02", *odd]) and not rejected


@pytest.mark.parametrize("make", [broken_link, loop, pipe, device])
def test_a_run_folder_with_such_a_file_is_rejected_whole(tmp_path, make):
    root = tmp_path / "raw"
    for name in ("run-1", "run-2"):
        write_run(root / name, runs=3, seed=int(name[-1]))
    strange = root / "run-2" / STATS.replace("run_1", "run_2")
    strange.unlink()
    make(strange)
    shown = strange.relative_to(root).as_posix()
    assert made(tmp_path, root, "spparks") == (["run-1"], [["run-2", f"{shown}: {KINDS[make]}"]])


def test_a_missing_run_folder_is_rejected(tmp_path):
    root = tmp_path / "raw"
    write_run(root / "run-1")
    (root / "run-2").symlink_to("/nowhere")
    names, rejected = made(tmp_path, root, "spparks")
    assert names == ["run-1"] and rejected == [["run-2", KINDS[broken_link]]]


def test_any_error_while_one_run_is_read_rejects_it(tmp_path, folder, monkeypatch):
    original = deepspparks.parse

    def parse(document, name):
        if name == "run-01":
            raise IndexError("index 3 is out\nof bounds")
        return original(document, name)

    monkeypatch.setattr(deepspparks, "parse", parse)
    rejected = [["run-01", "unforeseen content: IndexError: index 3 is out of bounds"]]
    assert made(tmp_path, folder) == (["run-00", "run-02"], rejected)


def test_too_little_memory_ends_the_job_and_names_the_run(tmp_path, folder, monkeypatch):
    def parse(document, name):
        raise MemoryError

    monkeypatch.setattr(deepspparks, "parse", parse)
    with pytest.raises(BadInput, match=r"raw/run-0.\.json: too little memory to read it; give rule graphs more"):
        made(tmp_path, folder)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, PermissionError(13, "denied")])
def test_what_is_no_fault_of_the_content_passes(tmp_path, folder, monkeypatch, stop):
    def parse(document, name):
        raise stop

    monkeypatch.setattr(deepspparks, "parse", parse)
    with pytest.raises(stop if isinstance(stop, type) else type(stop)):
        made(tmp_path, folder)


def test_a_rejected_run_is_in_its_manifest_with_its_reason(tmp_path, folder):
    broken_link(folder / "gone.json")
    one = SOURCES["deepspparks-json"]
    manifest.scan(folder, one.runs, one.files, 1, tmp_path)
    entries = {entry["name"]: entry for entry in json.loads((tmp_path / "0000.json").read_text())["runs"]}
    assert entries["gone"] == {"name": "gone", "files": [], "rejected": KINDS[broken_link]}
    assert [name for name, entry in entries.items() if manifest.reason_of(entry)] == ["gone"]
