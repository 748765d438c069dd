"""Edits of files that tests make, and undo."""

import contextlib
from pathlib import Path

import yaml


@contextlib.contextmanager
def edited(path: Path, text: str | None):
    """The file with another content (None: without the file), as it was again afterwards."""
    before = path.read_bytes() if path.exists() else None
    try:
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")
        yield
    finally:
        path.unlink(missing_ok=True)
        if before is not None:
            path.write_bytes(before)


def with_edits(content: dict, edits: dict) -> str:
    """A mapping with values replaced, as YAML; edits: {key path: value, or ... to remove the key}."""
    for path, value in edits.items():
        *folders, key = path.split(".")
        section = content
        for folder in folders:
            section = section.setdefault(folder, {})
        if value is ...:
            del section[key]
        else:
            section[key] = value
    return yaml.safe_dump(content)
