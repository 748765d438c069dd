"""How every program of scripts/ ends: quietly, or with one line that says what is wrong."""

import argparse
import errno
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Collection, Sequence
from typing import NoReturn

from graincast.microstructure import BadInput

REMEDIES = {
    errno.ENOSPC: "; free some space and run again",
    errno.EDQUOT: "; the disk quota is used up, free some and run again",
    errno.EACCES: "; check its permissions",
}


def run(
    main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser, given: Sequence[str] | None = None
) -> None:
    """Parse the arguments and call main. Bad input and failed file access end as one line and exit status 1.

    given  the arguments (default: those of the command line)
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    arguments = parser.parse_args(given)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a cancelled job leaves nothing half-written either
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


class OneLineParser(argparse.ArgumentParser):
    """An argument parser that says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; --help explains the arguments\n")


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """An argument parser for `python -m scripts.NAME`."""
    return OneLineParser(prog=f"python -m scripts.{name}", description=description)


def from_json(text: str) -> object:
    """An argument given as JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is not JSON: {error}") from None


def json_with(*keys: str, optional: Collection[str] = (), lists: bool = False) -> Callable[[str], dict]:
    """The type of an argument that is a JSON object with these keys; with `lists`, of lists."""

    def checked(text: str) -> dict:
        given = from_json(text)
        if not isinstance(given, dict):
            raise argparse.ArgumentTypeError(f"{text[:60]!r} is not a JSON object of {', '.join(keys)}")
        wrong = [f"lacks {key}" for key in keys if key not in given]
        wrong += [f"has an unknown key {key}" for key in given if key not in (*keys, *optional)]
        flat = {key: value for key, value in given.items() if lists and not (value and isinstance(value, list))}
        wrong += [f"has {json.dumps(value)} for {key}, not a list" for key, value in flat.items()]
        if wrong:
            raise argparse.ArgumentTypeError(f"{wrong[0]} (keys: {', '.join([*keys, *optional])})")
        return given

    return checked
