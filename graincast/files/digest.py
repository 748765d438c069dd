"""Digests of content: SHA-256 of files and folders, and a memory of files that were read before.

The digest of a folder is that of its files' relative paths and digests, in order; hidden files, such as the time stamp
that Snakemake puts there, do not count. The memory holds, for each file,
its size and times when it was last read; a file whose size and times are still the same is not read again.
"""

import hashlib
import json
import os
from pathlib import Path

CHECKED = Path("results", "checked")
"""Where the memory lies, one small file per file read."""


def digest(path: Path) -> str:
    """The SHA-256 of a file or a folder, in hexadecimal digits."""
    if not path.is_dir():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    files = sorted(file for file in path.rglob("[!.]*") if file.is_file())
    lines = [f"{file.relative_to(path).as_posix()} {digest(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def checked_digest(path: Path) -> str:
    """The digest of a file, from the memory where its size and times are those of the last reading."""
    if path.is_dir():
        return digest(path)
    memory = CHECKED / hashlib.sha256(str(path).encode()).hexdigest()[:32]
    mark = _mark(path)
    try:
        remembered = json.loads(memory.read_bytes())
        if remembered["mark"] == mark:
            return remembered["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # a memory only
    found = digest(path)
    if _mark(path) == mark:
        remember(memory, mark, found)
    return found


def remember(memory: Path, mark: list[int], found: str) -> None:
    """Note a digest; where that cannot be written, the file is read again next time."""
    partial = memory.with_name(f".{memory.name}.{os.getpid()}.partial")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps({"mark": mark, "digest": found}), encoding="utf-8")
        partial.replace(memory)
    except OSError:
        partial.unlink(missing_ok=True)


def _mark(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]
