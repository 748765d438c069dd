"""The version of the form in which results lie on disk."""

import json
from pathlib import Path

from graincast.files.atomic import write_if_changed
from graincast.microstructure import BadInput

VERSION = 2
FILE = Path("results", "version.json")


def check() -> str:
    """Note the version of the results folder; a line to print where older results are about to be made again.

    Raises BadInput where the results are of a later version.
    """
    older = ""
    try:
        found = int(json.loads(FILE.read_bytes())["results"])
    except FileNotFoundError:
        found = VERSION
        if any(Path("results").glob("datasets/*")) or any(Path("results").glob("experiments/*")):
            older = "results/ was made by an earlier version, which noted nothing about its inputs: it is made again"
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{FILE}: damaged; remove it and run again") from None
    if found > VERSION:
        raise BadInput(f"{FILE}: results of version {found}; this is version {VERSION}: use a newer graincast")
    write_if_changed(FILE, json.dumps({"results": VERSION}) + "\n")
    return older
