"""Runs a script; expected errors become one line."""

import argparse
import errno
import json
import logging
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from graincast.microstructure import BadInput
from graincast.program import scratch, threads, workflow
from graincast.program.recipe import Recipe

REMEDIES = {
    errno.ENOSPC: "; free some space and run again",
    errno.EDQUOT: "; the disk quota is used up, free some space and run again",
    errno.EACCES: "; check its permissions",
    errno.EPERM: "; check its owner and permissions",
    errno.EROFS: "; mount the file system for writing, or link to a folder elsewhere",
    errno.ENOENT: "; correct the path",
    errno.EISDIR: "; name a file in it",
    errno.ENOTDIR: "; a file lies where a folder belongs, move it away",
    errno.ENAMETOOLONG: "; choose a shorter name",
}


def run(
    main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser, argv: Sequence[str] | None = None
) -> None:
    """Parse the arguments and call main. BadInput and OSError end in one line and exit status 1.

    argv  the arguments (default: those of the command line)
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    arguments = parser.parse_args(argv)
    workflow.end_with(os.environ.get(workflow.VARIABLE, ""))
    scratch.use_own()
    threads.one_unless_told()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so a cancelled job cleans up
    try:
        if getattr(arguments, "recipe", None):
            _run_recipe(main, arguments)
        else:
            main(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # as in `graincast … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(128 + signal.SIGPIPE)
    except (BadInput, OSError) as error:
        print(f"{parser.prog}: error: {describe(error)}", file=sys.stderr)
        sys.exit(1)


def _run_recipe(main: Callable[[argparse.Namespace], None], arguments: argparse.Namespace) -> None:
    """Call main with the recipe in place of its path: inputs checked before, outputs noted after."""
    arguments.recipe = recipe = Recipe(arguments.recipe)
    inputs = recipe.check_inputs()
    recipe.guard_outputs()
    main(arguments)
    recipe.note(inputs)


def describe(error: BaseException) -> str:
    """An error as one line; file-system errors come with a remedy."""
    if isinstance(error, OSError) and error.errno is not None:
        quoted = re.search(r"name = '([^']*)'", str(error))  # h5py names the file only in its message
        file = error.filename or (quoted and quoted[1]) or "output"
        return f"{file}: {os.strerror(error.errno)}{REMEDIES.get(error.errno, '')}"
    return " ".join(str(error).split())


class OneLineParser(argparse.ArgumentParser):
    """An argument parser that reports errors in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; --help explains the arguments\n")


def parser(name: str, description: str) -> argparse.ArgumentParser:
    """An argument parser for `python -m scripts.NAME`."""
    return OneLineParser(prog=f"python -m scripts.{name}", description=description)


def from_json(text: str) -> object:
    """The value of an argument given as JSON."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text[:60]!r} is not JSON: {error}") from None


def json_with(*keys: str) -> Callable[[str], dict]:
    """An argparse type: a JSON object with just these keys."""

    def parse(text: str) -> dict:
        values = from_json(text)
        if not isinstance(values, dict):
            raise argparse.ArgumentTypeError(f"{text[:60]!r} is not a JSON object of {', '.join(keys)}")
        problems = [f"lacks {key}" for key in keys if key not in values]
        problems += [f"has an unknown key {key}" for key in values if key not in keys]
        if problems:
            raise argparse.ArgumentTypeError(f"{problems[0]} (keys: {', '.join(keys)})")
        return values

    return parse
