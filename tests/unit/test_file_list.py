"""Descriptions of published data sets: bad entries are refused, and the list fits the data that are here."""

import re
from pathlib import Path

import pytest

from graincast.configuration import published_data
from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.raw.file_list import ListedFile, described, listed, web_address

FOLDER = Path(__file__).parents[2] / "config" / "data"
SHA = "0123456789abcdef" * 4
CONTENT = {
    "description": "A test",
    "licence": "MIT",
    "source": "deepspparks-json",
    "address": "https://host/a",
    "files": "x.csv",
}


def table(folder: Path, *rows: str, header: str = "path,bytes,sha256") -> Path:
    path = folder / "x.csv"
    path.write_text("".join(f"{row}\n" for row in (header, *rows)), encoding="utf-8")
    return path


def test_a_list_is_read(tmp_path):
    path = table(tmp_path, f"a/b.json,12,{SHA}", f"Korn größe.json,1,{SHA}")
    files = (ListedFile("a/b.json", 12, SHA), ListedFile("Korn größe.json", 1, SHA))
    assert listed(path) == files
    data = described({**CONTENT, "address": "https://host/a/"}, tmp_path / "x.yaml")
    assert (data.name, data.address, data.files) == ("x", "https://host/a", files)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"../b,1,{SHA}", "'../b' leads out of the folder; write a path below it"),
        (f"a/../../b,1,{SHA}", "'a/../../b' leads out of the folder"),
        (f"/etc/passwd,1,{SHA}", "'/etc/passwd' leads out of the folder"),
        (f",1,{SHA}", "'' has an empty or a hidden name; write a path without one"),
        (f"a//b,1,{SHA}", "'a//b' has an empty"),
        (f"./b,1,{SHA}", "'./b' has an empty or a hidden name"),
        (f".b.partial,1,{SHA}", "'.b.partial' has an empty or a hidden name"),
        (f"a\\b,1,{SHA}", "'a\\\\b' has a control character or a backslash; correct it"),
        (f'"a\nb",1,{SHA}', "'a\\nb' has a control character"),
        (f"b,-1,{SHA}", "bytes is '-1', not a whole number from 1; correct it"),
        (f"b,0,{SHA}", "bytes is '0'"),
        (f"b,1.5,{SHA}", "bytes is '1.5'"),
        (f"b,1e3,{SHA}", "bytes is '1e3'"),
        (f"b,{'9' * 16},{SHA}", "bytes is '9999999999999999'"),
        (f"b,\u0661,{SHA}", "bytes is '\u0661'"),
        (f"b,1,{SHA[1:]}", f"sha256 is '{SHA[1:]}', not 64 digits of 0-9 and a-f; correct it"),
        (f"b,1,{SHA}0", f"sha256 is '{SHA}0'"),
        (f"b,1,{SHA.upper()}", f"sha256 is '{SHA.upper()}'"),
        (f"b,1,{'x' * 64}", f"sha256 is '{'x' * 64}'"),
        ("b,1", "2 values, not 3 (path,bytes,sha256); correct or remove it"),
        (f"b,1,{SHA},", "4 values, not 3"),
        ("", "0 values, not 3"),
        (f"a,1,{SHA}", "a is in line 2 too; remove one of them"),
        (f"a/b,1,{SHA}", "a is a file in line 2, not a folder; rename it"),
    ],
)
def test_a_bad_entry_is_refused_with_its_line(tmp_path, row, reason):
    path = table(tmp_path, f"a,1,{SHA}", row)
    with pytest.raises(BadInput, match=f"^{re.escape(f'{path}: line 3: {reason}')}"):
        listed(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: the columns must be path,bytes,sha256"),
        (f"b,1,{SHA}\n", "line 1: the columns must be"),
        ("path,bytes,sha256\n", "lists no files; restore it"),
        ("path,bytes,sha256\nb\0,1\n", "line 2: 2 values"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path, text, reason):
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=f"^{re.escape(f'{path}: {reason}')}"):
        listed(path)


def test_a_list_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"path,bytes,sha256\n\xff\xfe,1,1\n")
    with pytest.raises(BadInput, match=r"x.csv: not a table of comma-separated values in UTF-8: .*; restore it$"):
        listed(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"adress": "x"}, "has an unknown key adress (a data set takes description, licence, source, address, files, "),
        ({"licence": None}, "licence: None is not text; write one line of text"),
        ({"files": ["x.csv"]}, "files: ['x.csv'] is not text"),
        ({"source": "simulate"}, "source: 'simulate' reads no files; name one of deepspparks-json, "),
        ({"files": "../x.csv"}, "files: '../x.csv' leads out of the folder; write a path below it"),
        ({"files": "/x.csv"}, "files: '/x.csv' leads out of the folder"),
        ({"address": "file:///a"}, "address: 'file:///a' is not a web address; write it as https://host/folder"),
    ],
)
def test_a_bad_description_is_refused(tmp_path, change, reason):
    table(tmp_path, f"a,1,{SHA}")
    with pytest.raises(BadInput, match=f"^{re.escape(str(tmp_path / 'x.yaml'))}: {re.escape(reason)}"):
        described(CONTENT | change, tmp_path / "x.yaml")


def test_each_key_but_the_last_is_needed(tmp_path):
    table(tmp_path, f"a,1,{SHA}")
    for key in CONTENT:
        with pytest.raises(BadInput, match=f"x.yaml: lacks {key} "):
            described({name: value for name, value in CONTENT.items() if name != key}, tmp_path / "x.yaml")


@pytest.mark.parametrize(
    "text", ["", "host/a", "ftp://host/a", "https:///a", "https://host:port/a", "https://ho st/a", "http://[x/a"]
)
def test_what_is_no_web_address_is_refused(text):
    with pytest.raises(BadInput, match=r"^here: .*not a web address; write it as https://host/folder$"):
        web_address(text, "here")


@pytest.mark.parametrize("text", ["https://host/a?b=c", "https://host/a#b"])
def test_an_address_that_no_path_can_follow_is_refused(text):
    with pytest.raises(BadInput, match=f"^here: '{re.escape(text)}' has a [?] or # part"):
        web_address(text, "here")


def test_a_password_in_an_address_is_refused_and_never_shown():
    with pytest.raises(BadInput) as refused:
        web_address("https://me:secret@host/a", published_data.MIRROR)
    assert "GRAINCAST_DATA_MIRROR" in str(refused.value) and "secret" not in str(refused.value)


def test_a_mirror_replaces_the_address_and_the_root_decides_the_folder(tmp_path):
    table(tmp_path, f"a,1,{SHA}")
    data = described(CONTENT, tmp_path / "x.yaml")
    assert published_data.address(data, {}) == "https://host/a"
    assert published_data.address(data, {published_data.MIRROR: "http://mirror:80/m/"}) == "http://mirror:80/m/x"
    assert published_data.folder(data, {}) == Path("data/x")
    assert published_data.folder(data, {"RAW_DATA_ROOT": "/raw"}) == Path("/raw/x")
    assert "  x:\n    source: deepspparks-json\n    path: data/x" in published_data.usage(data, Path("data/x"), {})[2]


@pytest.fixture(scope="module")
def published():
    return published_data.published(str(FOLDER / "published.yaml"))


def test_the_published_graphs_are_a_thousand_different_ones(published):
    assert len(published.files) == len({file.sha256 for file in published.files}) == 1000
    assert all(file.path.endswith(".json") for file in published.files)
    assert (FOLDER.parents[1] / published.configuration).is_file()


def test_the_list_fits_the_published_graphs_that_are_here(published, raw_data):
    here = sorted((raw_data / "deepspparks-json").glob("*.json"))
    if not here:
        pytest.skip(f"no published graphs in {raw_data / 'deepspparks-json'}")
    entries = {file.path: file for file in published.files}
    for path in here:
        assert ListedFile(path.name, path.stat().st_size, digest(path)) == entries[path.name]
