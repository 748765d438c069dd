"""Manifests of raw data: the files that make up each shard of a data set, with content hashes.

A manifest holds content hashes and names relative to the data set's root, nothing specific to the machine. Copying,
moving or touching a data set leaves its manifests the same, and changing a run changes only its own shard's.
A run's name determines its shard, so adding a run moves no other. What cannot be read at all (a broken link, a pipe, a
name that no table can hold) is listed with its reason, without files.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from graincast.files.atomic import write_if_changed
from graincast.files.links import hops
from graincast.files.name_hash import uniform
from graincast.microstructure import BadInput
from graincast.program.progress import track
from graincast.raw.limits import regular_file

LINKED = "linked.json"  # real folders outside the root that symlinks lead to
SEEN = "seen.json"  # content hashes with sizes and times, so that unchanged files are read only once


def shard_names(shards: int) -> list[str]:
    return [f"{shard:04d}" for shard in range(shards)]


def scan(root: Path, find_runs: Callable, raw_files: Callable, shards: int, folder: Path) -> None:
    """Update the manifests `folder/0000.json` … to match the raw data under `root`.

    find_runs(root) lists the runs (files or folders), raw_files(run) the files of a run. Files whose size and times
    are unchanged since the last scan are not read again, and unchanged manifests are not rewritten. A run with the
    same content as another is marked: copies could land on both sides of a split. So is one with a file that is not
    regular or has an unusable name.
    Raises FileNotFoundError if there are no runs.
    """
    runs = find_runs(root)
    if not runs:
        raise FileNotFoundError(f"no raw data in {root}")
    files = {run: raw_files(run) for run in runs}
    stats, rejected = _statuses(files, root)
    hashes = _hashes(stats, root, folder / SEEN)
    write_if_changed(folder / LINKED, json.dumps(outside(stats, root)) + "\n")
    members: dict[str, list[dict]] = {shard: [] for shard in shard_names(shards)}
    first_name: dict[tuple, str] = {}
    for name, run in sorted((printable(run_name(run, root)), run) for run in runs):
        entry: dict = {"name": name, "files": []}
        if run in rejected:
            entry["rejected"] = rejected[run]
        else:
            entry["files"] = [{"path": _relative(file, root), "sha256": hashes[file]} for file in files[run]]
            original = first_name.setdefault(tuple(hashes[file] for file in files[run]), name)
            if original != name:
                entry["same_as"] = original
        members[f"{int(shards * uniform('shard', name)):04d}"].append(entry)
    for shard, entries in members.items():
        write(folder / f"{shard}.json", entries)


def write(path: Path, runs: list[dict]) -> None:
    write_if_changed(path, json.dumps({"runs": sorted(runs, key=lambda run: run["name"])}, indent=1) + "\n")


def read(path: str | os.PathLike) -> list[dict]:
    """The runs of a manifest: [{"name": …, "files": [{"path": …, "sha256": …}, …], "same_as" or "rejected": …}, …]."""
    return json.loads(Path(path).read_text(encoding="utf-8"))["runs"]


def reason_of(entry: dict) -> str | None:
    """Why a run of a manifest cannot be used; None if it can be read."""
    return f"the same content as {entry['same_as']}" if "same_as" in entry else entry.get("rejected")


def run_name(run: Path, root: Path) -> str:
    """A run's name: its path below the root, without a .json suffix."""
    relative = _relative(run, root)
    return relative.removesuffix(".json") if relative != "." else run.resolve().name


def printable(name: str) -> str:
    """A name with control characters, and bytes that are not UTF-8, written as escapes such as \\n and \\xf6."""

    def escaped(match: re.Match) -> str:
        code = ord(match[0])
        return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else ascii(match[0])[1:-1]

    return _UNUSABLE.sub(escaped, name)


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def outside(files: Iterable[Path], root: Path) -> list[str]:
    """The folders outside `root` that its links lead through, to the real ones, without subfolders of one another."""
    files = list(files)
    through = {hop for folder in {file.parent for file in files} for hop in hops(folder)}
    through |= {hop.parent for file in files if file.is_symlink() for hop in hops(file)}
    folders: list[Path] = []
    inside = hops(root)
    for folder in sorted(through):
        if not any(folder.is_relative_to(other) for other in [*inside, *folders]):
            folders.append(folder)
    return [str(folder) for folder in folders]


def describe(run: Path, files: Iterable[Path], root: Path) -> dict:
    """A run's manifest entry, with its files hashed anew."""
    entries = [{"path": _relative(file, root), "sha256": sha256(file)} for file in files]
    return {"name": run_name(run, root), "files": entries}


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


_UNUSABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]")
"""What tables and messages cannot hold: control characters, line separators, and bytes that are not UTF-8."""


def _statuses(files: dict[Path, list[Path]], root: Path) -> tuple[dict[Path, os.stat_result], dict[Path, str]]:
    """The status of each file of the usable runs, and the reason for each other run."""
    stats: dict[Path, os.stat_result] = {}
    rejected: dict[Path, str] = {}
    for run, group in files.items():
        try:
            stats |= {file: _status(file, root, file == run) for file in group}
        except BadInput as reason:
            rejected[run] = str(reason)
    return stats, rejected


def _status(file: Path, root: Path, alone: bool) -> os.stat_result:
    """The status of a raw file, `alone` if it is all of its run. Raises BadInput if the file cannot be used."""
    if _UNUSABLE.search(str(file)) and _UNUSABLE.search(_relative(file, root)):
        raise BadInput(f"the name {printable(_relative(file, root))} has control characters or is not UTF-8; rename it")
    try:
        return regular_file(file)
    except BadInput as error:
        raise BadInput(str(error) if alone else f"{_relative(file, root)}: {error}") from None


def _hashes(stats: dict[Path, os.stat_result], root: Path, seen_path: Path) -> dict[Path, str]:
    try:
        cache = json.loads(seen_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        cache = {}  # only a cache
    stamps = {file: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for file, s in stats.items()}
    names = {file: _relative(file, root) for file in stats}
    cached = {file: cache.get(name, [None, None]) for file, name in names.items()}
    unread = [file for file in stats if cached[file][0] != stamps[file]]
    hashes = {file: cached[file][1] for file in stats}
    with ThreadPoolExecutor(4) as pool:
        digests = pool.map(sha256, unread)
        for file, digest in zip(unread, track(digests, "reading raw data", len(unread), "files"), strict=True):
            hashes[file] = digest
    entries = {name: [stamps[file], hashes[file]] for file, name in names.items()}
    write_if_changed(seen_path, json.dumps(entries))
    return hashes
