"""What a published data set consists of: a YAML file that describes it, and a list of its files in CSV beside that.

description    one line
licence        the terms under which its authors publish it
source         the source (graincast/raw/sources.py) that reads it
address        the web address that the paths of the list start from
files          the list: columns path, bytes, sha256; paths are relative to the address, and below the data's folder
configuration  a configuration that uses it (optional)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from graincast.files import csv_table
from graincast.files.declaration import check_keys
from graincast.microstructure import BadInput
from graincast.raw.sources import SOURCES

KEYS = ("description", "licence", "source", "address", "files", "configuration")
COLUMNS = ["path", "bytes", "sha256"]
READ = sorted(name for name, source in SOURCES.items() if source.runs)
"""The sources that read files."""


@dataclass(frozen=True)
class ListedFile:
    """A file of a data set: its path below the data's folder, with slashes, its size and its content's hash."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PublishedData:
    """A data set that can be fetched; `name` is its file's, the other fields are described at the module's head."""

    name: str
    description: str
    licence: str
    source: str
    address: str
    files: tuple[ListedFile, ...]
    configuration: str


def described(content: Mapping[str, Any], file: Path) -> PublishedData:
    """A data set from the content of its YAML file, and its list. Raises BadInput with file, line and remedy."""
    check_keys(str(file), content, KEYS, "a data set", optional=("configuration",))
    for key, value in content.items():
        if not isinstance(value, str) or not value.strip():
            raise BadInput(f"{file}: {key}: {value!r} is not text; write one line of text")
    if content["source"] not in READ:
        raise BadInput(f"{file}: source: {content['source']!r} reads no files; name one of {', '.join(READ)}")
    address = web_address(content["address"], f"{file}: address")
    _check_path(content["files"], f"{file}: files")
    return PublishedData(
        name=file.stem,
        description=content["description"],
        licence=content["licence"],
        source=content["source"],
        address=address,
        files=listed(file.parent / content["files"]),
        configuration=content.get("configuration", ""),
    )


def listed(table: Path) -> tuple[ListedFile, ...]:
    """The files in a list. Raises BadInput, which names file, line and remedy, for an entry that cannot be used."""
    try:
        header, rows = csv_table.read(table)
    except BadInput as error:
        raise BadInput(f"{table}: {error}; restore it") from None
    if header != COLUMNS:
        raise BadInput(f"{table}: line 1: the columns must be {','.join(COLUMNS)}")
    if not rows:
        raise BadInput(f"{table}: lists no files; restore it")
    lines: dict[str, int] = {}
    files = []
    for line, row in enumerate(rows, start=2):
        file = _entry(row, f"{table}: line {line}")
        if file.path in lines:
            raise BadInput(f"{table}: line {line}: {file.path} is in line {lines[file.path]} too; remove one of them")
        lines[file.path] = line
        files.append(file)
    for path, line in lines.items():
        above = next((str(parent) for parent in PurePosixPath(path).parents if str(parent) in lines), None)
        if above:
            raise BadInput(f"{table}: line {line}: {above} is a file in line {lines[above]}, not a folder; rename it")
    return tuple(files)


def web_address(text: str, where: str) -> str:
    """A web address without a slash at its end. Raises BadInput, headed by `where`, if nothing can be fetched from it.

    One with a user name or a password is refused without showing it.
    """
    remedy = "write it as https://host/folder"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # an impossible port is an error too
    except ValueError:
        raise BadInput(f"{where}: not a web address; {remedy}") from None
    if "@" in parts.netloc:
        raise BadInput(f"{where}: holds a user name or a password, which would be shown in messages; {remedy}")
    if parts.scheme not in ("http", "https") or not host or not text.isprintable() or " " in text:
        raise BadInput(f"{where}: {text[:100]!r} is not a web address; {remedy}")
    if parts.query or parts.fragment:
        raise BadInput(f"{where}: {text[:100]!r} has a ? or # part, to which no path can be added; {remedy}")
    return text.rstrip("/")


def _entry(row: list[str], where: str) -> ListedFile:
    if len(row) != len(COLUMNS):
        raise BadInput(f"{where}: {len(row)} values, not {len(COLUMNS)} ({','.join(COLUMNS)}); correct or remove it")
    path, size, sha256 = row
    _check_path(path, where)
    if not re.fullmatch("[1-9][0-9]{0,14}", size):
        raise BadInput(f"{where}: bytes is {size[:30]!r}, not a whole number from 1; correct it")
    if not re.fullmatch("[0-9a-f]{64}", sha256):
        raise BadInput(f"{where}: sha256 is {sha256[:70]!r}, not 64 digits of 0-9 and a-f; correct it")
    return ListedFile(path, int(size), sha256)


def _check_path(path: str, where: str) -> None:
    """Raise BadInput for a path that leads out of its folder, or has names that readers skip or tables cannot hold."""
    parts = path.split("/")
    if path.startswith("/") or ".." in parts:
        raise BadInput(f"{where}: {path[:100]!r} leads out of the folder; write a path below it")
    if "" in parts or any(part.startswith(".") for part in parts):
        raise BadInput(f"{where}: {path[:100]!r} has an empty or a hidden name; write a path without one")
    if not path.isprintable() or "\\" in path:
        raise BadInput(f"{where}: {path[:100]!r} has a control character or a backslash; correct it")
