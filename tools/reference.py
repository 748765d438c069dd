"""Pages of the documentation that are generated: the command line from its parsers, the library from its docstrings."""

import argparse
import ast
import os
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from unittest import mock

from graincast import command
from graincast.program import main as program

ROOT = Path(__file__).parents[1]
WIDTH = "100"
"""Columns of the help texts."""


def command_line() -> str:
    """The page of everything that can be called: targets of make, the command, the programs of rules."""
    parts = ["# The command line", "Generated from the programs' own `--help`.", "## make", *_make_targets()]
    with mock.patch.dict(os.environ, {"COLUMNS": WIDTH}):
        parts += ["## graincast", "`python -m graincast COMMAND`, or `graincast COMMAND` where the wheel is installed."]
        for name, parser in _commands().items():
            parts += [f"### graincast {name}", _text(parser.format_help())]
        parts += ["## scripts", "The programs that the rules run; each works without Snakemake too."]
        for name in scripts():
            parts += [f"### scripts.{name}", _text(script_help(name))]
    return "\n\n".join(parts) + "\n"


class _Parsing(BaseException):
    """Ends a program where it would parse its arguments. No Exception, so that no program handles it."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        super().__init__()
        self.parser = parser


def _stop(main: object, parser: argparse.ArgumentParser, argv: object = None) -> NoReturn:
    raise _Parsing(parser)


def scripts() -> list[str]:
    """The names of the programs in scripts/."""
    return sorted(path.stem for path in (ROOT / "scripts").glob("[!_]*.py"))


def script_help(name: str) -> str:
    """The help of a program of scripts/, without running it."""
    try:
        with mock.patch.object(program, "run", _stop):
            runpy.run_module(f"scripts.{name}", run_name="__main__")
    except _Parsing as stopped:
        parser = stopped.parser
        return "\n\n".join(one.format_help().strip() for one in (parser, *_subparsers(parser).values()))
    raise AssertionError(f"scripts/{name}.py calls no program.main.run")


def library(folder: str) -> str:
    """The page of a folder of graincast/: each module's docstring, its public functions and classes."""
    parts = [f"# graincast/{folder}"]
    for path in sorted((ROOT / "graincast" / folder).glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        about = ast.get_docstring(tree)
        if about:
            parts += [f"## {path.stem if path.stem != '__init__' else folder}", _text(about)]
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                parts += _documented(node)
    return "\n\n".join(parts) + "\n"


def folders() -> list[str]:
    """The folders of the library."""
    return sorted(path.parent.name for path in (ROOT / "graincast").glob("*/__init__.py"))


def library_index() -> str:
    """The page that lists the folders of the library with what their modules are."""
    lines = ["# The library", "", "Generated from the docstrings in `graincast/`.", ""]
    for folder in folders():
        lines += [f"## {folder}", "", f"[All of `graincast/{folder}`](library/{folder}.md)", ""]
        lines += ["| module | what it is |", "|---|---|"]
        for path in sorted((ROOT / "graincast" / folder).glob("[!_]*.py")):
            about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            first = " ".join(about.partition("\n\n")[0].split()).replace("|", "\\|")
            lines.append(f"| `{path.stem}` | {_escaped(first)} |")
        lines.append("")
    return "\n".join(lines)


def _documented(node: ast.FunctionDef | ast.ClassDef) -> Iterator[str]:
    about = ast.get_docstring(node)
    if about:
        if isinstance(node, ast.FunctionDef):
            returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
            signature = f"def {node.name}({ast.unparse(node.args)}){returns}:"
        else:
            bases = ", ".join(map(ast.unparse, node.bases))
            signature = f"class {node.name}({bases}):" if bases else f"class {node.name}:"
        yield f"### {node.name}"
        yield f"```python\n{signature}\n```"
        yield _text(about)


def _commands() -> dict[str, argparse.ArgumentParser]:
    return _subparsers(command.parser())


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    actions = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return {name: one for action in actions for name, one in action.choices.items()}


def _make_targets() -> Iterator[str]:
    lines = re.findall(r"^([a-z-]+):.*?##  *(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    rows = [f"| `make {name}` | {_escaped(about)} |" for name, about in lines]
    yield "\n".join(["| target | what it does |", "|---|---|", *rows])


def _text(text: str) -> str:
    """Text as it is, whatever characters it has."""
    return f"```text\n{text.strip()}\n```"


def _escaped(text: str) -> str:
    """Text without characters that Markdown or HTML would read as markup."""
    return re.sub(r"([*_<>{}\[\]])", r"\\\1", re.sub(r"(?<!\\)\|", r"\\|", text))
