"""The recipe of a step, as its program sees it.

A recipe is a JSON file that the planner writes (graincast/planning/recipes.py):

    parameters   what shapes the step's outputs, in the words of the configuration
    inputs       {name: paths of the files that the step reads}
    outputs      paths of the files and folders that it makes; beside the first lies `made_from`
    made_from    {path of an input that another step makes: the made_from file of that step}
    sources, packages, shell, raw, renewed   compared by the planner; no program reads them

A program reads its recipe once. Before it starts it checks each input against the digest noted when that input was
made; nothing takes its place among the results once the recipe has changed; and in the end the program notes the recipe
and the digests of its outputs in `made_from`. By hand, {"parameters": {…}} is a recipe too; then nothing is checked or
noted.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

from graincast.files import atomic
from graincast.files.digest import checked_digest, digest
from graincast.microstructure import BadInput

SUFFIX = ".made_from.json"


class Recipe:
    """A recipe file, read once."""

    def __init__(self, path: str | os.PathLike) -> None:
        """Raises BadInput where the file is not a recipe."""
        self.path = Path(path)
        self.text = self.path.read_bytes()
        try:
            self.content: dict[str, Any] = json.loads(self.text)
            self.parameters: dict[str, Any] = self.content["parameters"]
        except (ValueError, KeyError, TypeError):
            raise BadInput(f"{path}: not a recipe, a JSON object with the key parameters") from None

    def take(self, *keys: str, optional: Collection[str] = ()) -> dict[str, Any]:
        """The parameters. Raises BadInput where one of `keys` is missing, or one is neither there nor optional."""
        known = f"(keys: {', '.join([*keys, *optional])})"
        for key in keys:
            if key not in self.parameters:
                raise BadInput(f"{self.path}: the parameters lack {key} {known}")
        for key in self.parameters:
            if key not in keys and key not in optional:
                raise BadInput(f"{self.path}: the parameters have an unknown key {key} {known}")
        return self.parameters

    @property
    def inputs(self) -> list[str]:
        """The paths of all inputs."""
        return [path for paths in self.content.get("inputs", {}).values() for path in paths]

    @property
    def key(self) -> str:
        """A short digest of all that the outputs depend on; never the same for a recipe by hand, without sources."""
        content = {key: value for key, value in self.content.items() if key != "renewed"}
        if "sources" not in content:
            content["process"] = [os.getpid(), time.time_ns()]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def check_inputs(self) -> dict[str, str]:
        """The digest of each input that another step made, verified; inputs that no step makes are verified too.

        Raises BadInput for a damaged one, whose note is removed, so that it is made again.
        """
        notes = {path: Path(note) for path, note in self.content.get("made_from", {}).items()}
        noted = {note: read_made_from(note)["outputs"] for note in set(notes.values())}
        digests = {}
        for path, note in notes.items():
            expected = noted[note].get(path)
            if expected is None:
                raise BadInput(f"{note}: does not mention {path}; remove it and run again")
            if checked_digest(Path(path)) != expected:
                note.unlink(missing_ok=True)
                raise BadInput(f"{path}: damaged since it was made; run again, and it is made anew")
            digests[path] = expected
        for path, expected in self.content.get("raw", {}).items():
            if expected and checked_digest(Path(path)) != expected:
                raise BadInput(f"{path}: changed while the workflow was running; run it again")
        return digests

    def check_unchanged(self) -> None:
        """Raise BadInput where the recipe file is no longer what was read."""
        if not self.path.is_file() or self.path.read_bytes() != self.text:
            raise BadInput(f"{self.path}: changed while this step ran; its outputs are left out, run again")

    def guard_outputs(self) -> None:
        """From now on, let nothing take its place among the results if the recipe has changed.

        What killed runs of this step left unfinished is removed, as no other step writes its outputs.
        """
        outputs = self.content.get("outputs", [])
        for path in [*outputs, *map(note_of, outputs[:1])]:
            atomic.remove_partial(path)
        atomic.before_rename = self.check_unchanged

    def note(self, inputs: dict[str, str]) -> None:
        """Write `made_from` beside the first output: the recipe, and the digests of inputs and outputs."""
        outputs = self.content.get("outputs")
        if outputs:
            made_from = {
                "recipe": self.content,
                "inputs": inputs,
                "outputs": {path: atomic.digests.get(path) or digest(Path(path)) for path in outputs},
            }
            atomic.write_text(note_of(outputs[0]), json.dumps(made_from, indent=1) + "\n")


def note_of(output: str) -> str:
    """The path of the made_from file that belongs to a step with this first output."""
    return output + SUFFIX


def read_made_from(path: str | os.PathLike) -> dict:
    """A made_from file: {"recipe", "inputs", "outputs"}. Raises BadInput where it is missing or damaged."""
    try:
        content = json.loads(Path(path).read_bytes())
        if not all(isinstance(content[key], dict) for key in ("recipe", "inputs", "outputs")):
            raise ValueError
        return content
    except FileNotFoundError:
        raise BadInput(f"{path}: missing; run again, and what it belongs to is made anew") from None
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{path}: damaged; remove it and run again") from None


def add_argument(parser: argparse.ArgumentParser, example: str = "", required: bool = True) -> None:
    """Add the argument --recipe; it is required where the program takes parameters without defaults.

    example  parameters for a run by hand, as JSON; "" where there are none
    """
    holds = f'which for a run by hand holds {{"parameters": {example}}}' if example else "not needed by hand"
    parser.add_argument(
        "--recipe", required=bool(example) and required, type=Path, metavar="JSON", help=f"recipe file, {holds}"
    )
