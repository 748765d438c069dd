"""Outputs appear whole or not at all."""

import os

import pytest

from graincast.files.atomic import remove_partial, whole, write_if_changed, write_text


def tree(folder):
    """Every path below a folder, with the content of files."""
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else None for path in folder.rglob("*")
    }


def test_a_file_takes_its_place_only_at_the_end(tmp_path):
    path = tmp_path / "created" / "on" / "the way"
    with whole(path) as partial:
        partial.write_text("new")
        assert partial.parent == path.parent  # so that a rename is enough
        assert not path.exists()
    assert tree(path.parent) == {"the way": "new"}
    with whole(path) as partial:
        partial.write_text("newer")
        assert path.read_text() == "new"
    assert tree(path.parent) == {"the way": "newer"}


@pytest.mark.parametrize("before", [{}, {"out": "old"}])
def test_a_failure_leaves_neither_a_partial_nor_a_changed_file(tmp_path, before):
    for name, text in before.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(KeyboardInterrupt), whole(tmp_path / "out") as partial:
        partial.write_text("half")
        raise KeyboardInterrupt
    assert tree(tmp_path) == before


def test_writing_nothing_is_an_error_and_keeps_the_old_file(tmp_path):
    (tmp_path / "out").write_text("old")
    with pytest.raises(FileNotFoundError), whole(tmp_path / "out"):
        pass
    assert tree(tmp_path) == {"out": "old"}


def folder_with(path, **files):
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)


def test_a_folder_replaces_the_old_one_entirely(tmp_path):
    folder_with(tmp_path / "out", a="old", b="old")
    with whole(tmp_path / "out") as partial:
        folder_with(partial, a="new", c="new")
        assert (tmp_path / "out" / "b").read_text() == "old"
    assert tree(tmp_path) == {"out": None, "out/a": "new", "out/c": "new"}


def test_a_failure_leaves_the_old_folder(tmp_path):
    folder_with(tmp_path / "out", a="old")
    with pytest.raises(ValueError, match="broken"), whole(tmp_path / "out") as partial:
        folder_with(partial, a="new")
        raise ValueError("broken")
    assert tree(tmp_path) == {"out": None, "out/a": "old"}


def test_leftovers_of_a_killed_process_do_not_get_in(tmp_path):
    folder_with(tmp_path / f".out.{os.getpid()}.partial", stale="half")
    with whole(tmp_path / "out") as partial:
        folder_with(partial, a="new")
    assert tree(tmp_path) == {"out": None, "out/a": "new"}


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path):
    folder_with(tmp_path / "target", a="kept")
    (tmp_path / "out").symlink_to(tmp_path / "target")
    with whole(tmp_path / "out") as partial:
        folder_with(partial, b="new")
    assert not (tmp_path / "out").is_symlink()
    assert tree(tmp_path) == {"target": None, "target/a": "kept", "out": None, "out/b": "new"}


def test_an_unchanged_text_leaves_the_file_alone(tmp_path):
    path = tmp_path / "sub" / "text"
    write_if_changed(path, "ünï\n")
    os.utime(path, ns=(1, 1))
    write_if_changed(path, "ünï\n")
    assert path.stat().st_mtime_ns == 1
    write_if_changed(path, "other\n")
    assert path.read_text(encoding="utf-8") == "other\n"
    assert path.stat().st_mtime_ns != 1
    os.utime(path, ns=(1, 1))
    write_text(path, "other\n")
    assert path.stat().st_mtime_ns != 1


def test_what_killed_processes_left_of_an_output_is_removed_and_nothing_else(tmp_path):
    (tmp_path / ".out[1].77.partial").mkdir()
    (tmp_path / ".out[1].77.partial" / "file").touch()
    (tmp_path / ".out[1].8.partial").touch()
    kept = {".out[1].x.partial", ".out1.8.partial", ".out[1].8", "out[1]", ".out[1].more.8.partial"}
    for name in kept:
        (tmp_path / name).touch()
    remove_partial(tmp_path / "out[1]")
    assert {path.name for path in tmp_path.iterdir()} == kept
