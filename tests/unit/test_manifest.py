"""Manifests depend on the content of the raw data, not on its place, times or neighbours."""

import json
import os
import shutil

import pytest

from graincast.raw import manifest

SHARDS = 4


def find_runs(root):
    return sorted(path for path in root.rglob("*") if path.suffix == ".json" or path.name.startswith("run"))


def raw_files(run):
    return [run] if run.is_file() else sorted(path for path in run.rglob("*") if path.is_file())


@pytest.fixture
def raw(tmp_path):
    root = tmp_path / "raw"
    for i in range(20):
        path = root / f"{'sub/' if i % 3 else ''}g{i}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"graph {i}")
    for i in range(3):
        (root / f"run_{i}" / "out").mkdir(parents=True)
        (root / f"run_{i}" / "out" / "a.h5").write_text(f"a {i}")
        (root / f"run_{i}" / "b.h5").write_text("same for all")
    return root


@pytest.fixture
def scanned(tmp_path):
    """scan(root): scan a folder and return the manifests' texts by shard."""

    def scan(root, folder="manifests", shards=SHARDS):
        manifest.scan(root, find_runs, raw_files, shards, tmp_path / folder)
        return {shard: (tmp_path / folder / f"{shard}.json").read_text() for shard in manifest.shard_names(shards)}

    return scan


def names(text):
    return [run["name"] for run in json.loads(text)["runs"]]


def test_every_run_is_in_one_shard_with_its_files(raw, scanned, tmp_path):
    texts = scanned(raw)
    listed = [name for text in texts.values() for name in names(text)]
    expected = [f"{'sub/' if i % 3 else ''}g{i}" for i in range(20)] + [f"run_{i}" for i in range(3)]
    assert sorted(listed) == sorted(expected)
    assert all(names(text) == sorted(names(text)) and len(names(text)) > 1 for text in texts.values())
    runs = {run["name"]: run for shard in texts for run in manifest.read(tmp_path / "manifests" / f"{shard}.json")}
    assert [file["path"] for file in runs["run_1"]["files"]] == ["run_1/b.h5", "run_1/out/a.h5"]
    assert runs["sub/g1"]["files"] == [{"path": "sub/g1.json", "sha256": manifest.sha256(raw / "sub/g1.json")}]
    for run in (raw / "run_1", raw / "sub/g1.json"):
        assert manifest.describe(run, raw_files(run), raw) == runs[manifest.run_name(run, raw)]


def test_touched_copied_and_moved_data_have_the_same_manifests(raw, scanned, tmp_path):
    before = scanned(raw)
    for path in raw.rglob("*"):
        os.utime(path, (1, 1))
    assert scanned(raw) == before
    copy = shutil.copytree(raw, tmp_path / "elsewhere" / "copy")
    assert scanned(copy, "of the copy") == before
    assert scanned(raw.rename(tmp_path / "moved")) == before


def test_manifests_with_unchanged_content_are_left_alone(raw, scanned, tmp_path):
    scanned(raw)
    manifests = sorted((tmp_path / "manifests").glob("[0-9]*.json"))
    for path in manifests:
        os.utime(path, ns=(1, 1))
    os.utime(raw / "g0.json", (1, 1))
    scanned(raw)
    assert [path.stat().st_mtime_ns for path in manifests] == [1] * SHARDS


def change(raw):
    (raw / "g3.json").write_text("graph X")  # of the same length as before
    return "g3"


def change_one_file_of_a_run(raw):
    (raw / "run_2" / "out" / "a.h5").write_text("a X")
    return "run_2"


def add(raw):
    (raw / "sub" / "new.json").write_text("graph new")
    return "sub/new"


def add_a_file_to_a_run(raw):
    (raw / "run_0" / "out" / "c.h5").write_text("c")
    return "run_0"


def remove(raw):
    (raw / "sub" / "g7.json").unlink()
    return "sub/g7"


@pytest.mark.parametrize("act", [change, change_one_file_of_a_run, add, add_a_file_to_a_run, remove])
def test_a_changed_added_or_removed_run_changes_only_its_own_shard(raw, scanned, act):
    before = scanned(raw)
    name = act(raw)
    after = scanned(raw)
    assert [name in names(before[s]) + names(after[s]) for s in before] == [before[s] != after[s] for s in before]
    assert sum(before[s] != after[s] for s in before) == 1


def test_a_renamed_run_is_another_run(raw, scanned):
    before = scanned(raw)
    (raw / "g0.json").rename(raw / "g0b.json")
    after = scanned(raw)
    listed = [{name for text in texts.values() for name in names(text)} for texts in (before, after)]
    assert listed[0] ^ listed[1] == {"g0", "g0b"}


def test_an_unchanged_file_is_not_read_again(raw, scanned, monkeypatch):
    read = []
    original = manifest.sha256
    monkeypatch.setattr(
        manifest, "sha256", lambda file: read.append(file.relative_to(raw).as_posix()) or original(file)
    )
    first = scanned(raw)
    assert len(read) == len(set(read)) == 26
    read.clear()
    assert scanned(raw) == first
    assert read == []
    change(raw)
    os.utime(raw / "sub" / "g1.json")
    scanned(raw)
    assert sorted(read) == ["g3.json", "sub/g1.json"]


def test_a_change_that_keeps_size_and_time_is_noticed(raw, scanned):
    before = scanned(raw)
    path = raw / "g3.json"
    stat = path.stat()
    path.write_text("graph X")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert scanned(raw) != before


def test_a_removed_file_is_forgotten(raw, scanned, tmp_path):
    scanned(raw)
    remove(raw)
    scanned(raw)
    assert "sub/g7.json" not in json.loads((tmp_path / "manifests" / manifest.SEEN).read_text())


def test_a_root_that_is_a_single_run_is_named_after_its_folder(tmp_path, monkeypatch):
    (tmp_path / "my-run").mkdir()
    monkeypatch.chdir(tmp_path / "my-run")
    root = type(tmp_path)(".")
    assert manifest.run_name(root, root) == "my-run"


def test_a_folder_without_raw_data_is_refused(tmp_path, scanned):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(FileNotFoundError, match="no raw data in"):
        scanned(tmp_path / "nothing")
