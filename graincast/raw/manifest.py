"""Manifests of raw data: the files that make up each shard of a data set, with content hashes.

A manifest holds content hashes and names relative to the data set's root, nothing specific to the machine. Copying,
moving or touching a data set leaves its manifests the same, and changing a run changes only its own shard's.
A run's name determines its shard, so adding a run moves no other.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from graincast.files.atomic import write_if_changed
from graincast.files.name_hash import uniform
from graincast.program.progress import track

LINKED = "linked.json"  # real folders outside the root that symlinks lead to
SEEN = "seen.json"  # content hashes with sizes and times, so that unchanged files are read only once


def shard_names(shards: int) -> list[str]:
    return [f"{shard:04d}" for shard in range(shards)]


def scan(root: Path, find_runs: Callable, raw_files: Callable, shards: int, folder: Path) -> None:
    """Update the manifests `folder/0000.json` … to match the raw data under `root`.

    find_runs(root) lists the runs (files or folders), raw_files(run) the files of a run. Files whose size and times
    are unchanged since the last scan are not read again, and unchanged manifests are not rewritten. A run with the
    same content as another is marked: copies could land on both sides of a split.
    Raises FileNotFoundError if there are no runs.
    """
    runs = find_runs(root)
    if not runs:
        raise FileNotFoundError(f"no raw data in {root}")
    files = {run: raw_files(run) for run in runs}
    hashes = _hashes([file for group in files.values() for file in group], root, folder / SEEN)
    linked = outside([file for group in files.values() for file in group], root)
    write_if_changed(folder / LINKED, json.dumps(linked) + "\n")
    members: dict[str, list[dict]] = {shard: [] for shard in shard_names(shards)}
    first_name: dict[tuple, str] = {}
    for name, run in sorted((run_name(run, root), run) for run in runs):
        entry: dict = {"name": name}
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
    """The runs of a manifest: [{"name": …, "files": [{"path": …, "sha256": …}, …], "same_as": …}, …]."""
    return json.loads(Path(path).read_text(encoding="utf-8"))["runs"]


def run_name(run: Path, root: Path) -> str:
    """A run's name: its path below the root, without a .json suffix."""
    relative = _relative(run, root)
    return relative.removesuffix(".json") if relative != "." else run.resolve().name


def sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def outside(files: Iterable[Path], root: Path) -> list[str]:
    """The real folders outside `root` that hold symlinked files, without subfolders of one another."""
    folders: list[Path] = []
    for folder in sorted({file.resolve().parent for file in files}):
        if not any(folder.is_relative_to(other) for other in [root.resolve(), *folders]):
            folders.append(folder)
    return [str(folder) for folder in folders]


def describe(run: Path, files: Iterable[Path], root: Path) -> dict:
    """A run's manifest entry, with its files hashed anew."""
    entries = [{"path": _relative(file, root), "sha256": sha256(file)} for file in files]
    return {"name": run_name(run, root), "files": entries}


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _hashes(files: list[Path], root: Path, seen_path: Path) -> dict[Path, str]:
    try:
        cache = json.loads(seen_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        cache = {}  # only a cache
    stats = {file: file.stat() for file in files}
    stamps = {file: [s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino] for file, s in stats.items()}
    cached = {file: cache.get(_relative(file, root), [None, None]) for file in files}
    unread = [file for file in files if cached[file][0] != stamps[file]]
    hashes = {file: cached[file][1] for file in files}
    with ThreadPoolExecutor(4) as pool:
        digests = pool.map(sha256, unread)
        for file, digest in zip(unread, track(digests, "reading raw data", len(unread), "files"), strict=True):
            hashes[file] = digest
    entries = {_relative(file, root): [stamps[file], hashes[file]] for file in files}
    write_if_changed(seen_path, json.dumps(entries))
    return hashes
