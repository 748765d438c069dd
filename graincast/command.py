"""The command `graincast`: each sub-command parses its arguments and makes one call.

Heavy libraries are imported by the sub-command that needs them, so that the others answer at once.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from graincast.program.main import OneLineParser, run


def config(arguments: argparse.Namespace) -> None:
    """Print a configuration, or one section of it, as JSON, with all defaults filled in."""
    from graincast.configuration.load import load, read, section
    from graincast.configuration.paths import check_paths

    content = load(read(arguments.config), arguments.config)
    if arguments.paths:
        check_paths(content, arguments.config)
    if arguments.section:
        print(json.dumps(section(content, arguments.section, arguments.config)))
    else:
        print(json.dumps(content, indent=1))


def _parser() -> argparse.ArgumentParser:
    parser = OneLineParser(prog="graincast", description="Grain growth data to trained, tested and tracked models.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, call: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        described = commands.add_parser(name, help=call.__doc__, description=call.__doc__)
        described.set_defaults(call=call)
        return described

    p = add("config", config)
    p.add_argument("config", type=Path, metavar="FILE", help="configuration file")
    p.add_argument("--paths", action="store_true", help="check that the paths of data and weights exist here")
    p.add_argument("section", nargs="?", help="one section of it, such as datasets")
    return parser


def main(given: Sequence[str] | None = None) -> None:
    """Run the command with these arguments (default: those of the command line)."""
    run(lambda arguments: arguments.call(arguments), _parser(), given)
