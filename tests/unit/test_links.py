"""Symbolic links: every place that a path leads through is known, and seen by containers."""

from pathlib import Path

from graincast.files.links import MOST, hops
from graincast.planning.containers import bindings
from graincast.raw import manifest


def chain(root: Path) -> tuple[Path, Path, Path, Path]:
    """here/data -> there/link -> (relative) ../real/data, a folder; the three folders, and here/data."""
    here, there, real = root / "here", root / "there", root / "real"
    for folder in (here, there, real / "data"):
        folder.mkdir(parents=True)
    (there / "link").symlink_to("../real/data")
    (here / "data").symlink_to(there / "link")
    return here / "data", there / "link", real / "data", real


def test_every_place_on_the_way_is_found(tmp_path):
    written, between, real, _ = chain(tmp_path)
    assert hops(written) == [written, between, real]
    assert hops(written / "a") == [written / "a", between / "a", real / "a"]
    assert hops(real) == [real]
    assert hops(tmp_path / "missing") == [tmp_path / "missing"]


def test_a_link_before_a_parent_folder_is_followed_first(tmp_path):
    *_, real, above = chain(tmp_path)
    (above / "beside").mkdir()
    (tmp_path / "sibling").symlink_to(Path("here", "data", "..", "beside"))
    assert hops(tmp_path / "here/data")[-1] == real
    assert (tmp_path / "sibling").resolve() == above / "beside"
    assert hops(tmp_path / "sibling")[-1] == above / "beside"


def test_a_loop_ends(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert len(hops(tmp_path / "a")) == MOST + 1


def test_a_container_sees_the_places_between(tmp_path):
    written, between, real, _ = chain(tmp_path)
    assert bindings([written], []).split(",") == [f"{path}:{path}:ro" for path in (written, between, real)]


def test_folders_that_linked_files_lead_through_are_listed(tmp_path):
    root, there, real = tmp_path / "root", tmp_path / "there", tmp_path / "real"
    for folder in (root, there, real):
        folder.mkdir()
    (real / "a.json").write_text("a")
    (root / "b.json").write_text("b")
    (there / "link.json").symlink_to(real / "a.json")
    (root / "a.json").symlink_to(there / "link.json")
    assert manifest.outside([root / "a.json", root / "b.json"], root) == [str(real), str(there)]
    assert manifest.outside([root / "b.json"], root) == []
