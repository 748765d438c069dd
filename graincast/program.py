"""How every program of scripts/ ends: quietly, or with one line that says what is wrong."""

import argparse
import errno
import json
import logging
import os
import re
import sys
from collections.abc import Callable

from graincast.microstructure import BadInput

REMEDIES = {
    errno.ENOSPC: "; free some space and run again",
    errno.EDQUOT: "; the disk quota is used up, free some and run again",
    errno.EACCES: "; check its permissions",
}


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the arguments and call main. Bad input and failed file access end as one line and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    arguments = parser.parse_args()
    try:
        main(arguments)
    except (BadInput, OSError) as error:
        print(f"{parser.prog}: error: {describe(error)}", file=sys.stderr)
        sys.exit(1)


def describe(error: Exception) -> str:
    """An error in one line; one of the file system with what is to be done about it."""
    if isinstance(error, OSError) and error.errno is not None:
        in_text = re.search(r"name = '([^']*)'", str(error))  # h5py names the file in its message alone
        file = error.filename or (in_text and in_text[1]) or "output"
        return f"{file}: {os.strerror(error.errno)}{REMEDIES.get(error.errno, '')}"
    return " ".join(str(error).split())


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """An argument parser for `python -m scripts.NAME`."""
    return argparse.ArgumentParser(prog=f"python -m scripts.{name}", description=description)


def from_json(text: str) -> object:
    """An argument given as JSON (argparse reports a ValueError as a wrong argument)."""
    return json.loads(text)
