"""Entries of zip files whose bytes depend on names and content only, not on times, owners or permissions."""

import hashlib
import io
import zipfile
from pathlib import Path

CHUNK = 1 << 20


def add(archive: zipfile.ZipFile, name: str, content: Path | bytes) -> str:
    """Add a file's content, or these bytes, under a name; the SHA-256 of what was added."""
    entry = zipfile.ZipInfo(name)  # whose time is that of no file: 1980, the earliest of the format
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr = 3, 0o100644 << 16  # a plain file that its owner may write, by Unix
    entry.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size  # beyond 2 GiB it counts
    added = hashlib.sha256()
    source = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
    with source, archive.open(entry, "w") as target:
        while chunk := source.read(CHUNK):
            added.update(chunk)
            target.write(chunk)
    return added.hexdigest()
