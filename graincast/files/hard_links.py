"""Copies that share their files' content with the original where the file system can do that."""

import os
import shutil
from pathlib import Path


def link_tree(source: Path, target: Path) -> None:
    """Make `target` a copy of a folder, of hard links; files are copied where there can be none.

    Hidden files, such as the time stamp that Snakemake puts there, are left out.
    """
    for file in sorted(source.rglob("[!.]*")):
        if file.is_file():
            place = target / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            _link(file, place)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, another owner's file
        shutil.copyfile(source, target)
