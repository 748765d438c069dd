"""How an image build reaches packages where pip is configured in this way or that."""

from pathlib import Path

import pytest

from tests.hpc.pip_settings import fit, parse


@pytest.mark.parametrize("key", ["constraint", "requirement", "build-constraint", "target", "user", "cache-dir"])
def test_settings_that_could_change_what_is_installed_are_left_out_by_name(tmp_path, key):
    (tmp_path / "file.txt").write_text("torch<3\n")
    kept, paths, dropped = fit(parse(f"global.{key}='{tmp_path}/file.txt'\n"))
    assert (kept, paths) == ({}, [])
    assert [reason.partition(":")[0] for reason in dropped] == [key]


@pytest.mark.parametrize("key", ["cert", "client-cert", "find-links"])
def test_files_are_carried_with_the_setting_that_names_them_or_both_are_left_out(tmp_path, key):
    there, absent = tmp_path / "there", tmp_path / "absent"
    there.mkdir()
    kept, paths, dropped = fit(parse(f"global.{key}='{there}'\n"))
    assert (kept, paths, dropped) == ({key: [str(there)]}, [there], [])
    kept, paths, dropped = fit(parse(f"global.{key}='{absent}'\n"))
    assert (kept, paths) == ({}, []) and str(absent) in dropped[0]


def test_private_indexes_and_proxies_are_kept_as_they_are():
    index, proxy = "https://user:secret@packages.example.org/simple", "http://proxy.example.org:3128"
    kept, paths, dropped = fit(
        parse(f"global.index-url='{index}'\nglobal.proxy='{proxy}'\nglobal.trusted-host='a b'\n")
    )
    assert kept == {"index-url": [index], "proxy": [proxy], "trusted-host": ["a", "b"]}
    assert not paths and not dropped


def test_an_index_on_disk_is_carried_with_the_files_beside_its_pages(tmp_path):
    (tmp_path / "mirror/simple").mkdir(parents=True)
    address = f"file://{tmp_path}/mirror/simple"
    kept, paths, _ = fit(parse(f"global.extra-index-url='{address}\\nhttps://example.org/simple'\n"))
    assert kept == {"extra-index-url": [address, "https://example.org/simple"]}
    assert paths == [tmp_path / "mirror"]


def test_the_environment_precedes_files_and_other_commands_have_no_say():
    listing = ":env:.timeout='3'\nglobal.timeout='1'\ninstall.timeout='2'\ndownload.timeout='4'\nfreeze.proxy='x'\n"
    assert parse(listing) == {"timeout": ["3"]}


def test_paths_are_those_of_the_build(monkeypatch, tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "wheels")
    monkeypatch.setenv("HOME", str(tmp_path))
    kept, paths, _ = fit(parse("global.find-links='~/link https://example.org/wheels'\n"))
    assert kept == {"find-links": [str(tmp_path / "wheels"), "https://example.org/wheels"]}
    assert paths == [Path(tmp_path / "wheels")]
