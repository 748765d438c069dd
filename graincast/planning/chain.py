"""The chain of steps that an experiment's results were made by, back to raw data, as their notes tell it."""

from collections.abc import Sequence
from pathlib import Path

from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.planning.pruning import RESULTS
from graincast.program.recipe import note_of, read_made_from


class Chain:
    """The steps that made some outputs.

    results  the folder that holds what the notes call results/…
    notes    made_from of each step (see read_made_from), by the path of its note; paths begin with results/
    """

    def __init__(self, results: Path, outputs: Sequence[str]) -> None:
        """Raises BadInput where a note is missing, or what a step has read is no longer there."""
        self.results = results
        self.notes: dict[str, dict] = {}
        waiting = [note_of(output) for output in outputs]
        while waiting:
            note = waiting.pop()
            if note not in self.notes:
                self.notes[note] = read_made_from(self.place(note))
                waiting += self.notes[note]["recipe"].get("made_from", {}).values()
        self._check()

    def place(self, path: str) -> Path:
        """Where a path of a note lies."""
        return place(self.results, path)

    @property
    def recipes(self) -> dict[str, dict]:
        """The recipe that each step's outputs were made from, by the path where the planner keeps it."""
        found = [note["recipe"] for note in self.notes.values()]
        return {f"results/recipes/{'/'.join([one['rule'], *one['wildcards'].values()])}.json": one for one in found}

    @property
    def outputs(self) -> dict[str, str]:
        """The digest of each output, by path."""
        return {path: found for note in self.notes.values() for path, found in note["outputs"].items()}

    @property
    def raw(self) -> dict[str, str]:
        """The digest of what no step makes, by path: manifests of raw data, and tables of given splits."""
        recipes = self.recipes.values()
        return {path: found for one in recipes for path, found in one.get("raw", {}).items() if found}

    @property
    def datasets(self) -> list[str]:
        """The names of all data sets that took part."""
        return sorted({one["wildcards"]["dataset"] for one in self.recipes.values() if "dataset" in one["wildcards"]})

    @property
    def packages(self) -> dict[str, list[str]]:
        """The versions of the packages that bear on the results, by distribution."""
        found: dict[str, set[str]] = {}
        for one in self.recipes.values():
            for name, version in one.get("packages", {}).items():
                found.setdefault(name, set()).add(version)
        return {name: sorted(versions) for name, versions in sorted(found.items())}

    def _check(self) -> None:
        outputs = self.outputs
        for note in self.notes.values():
            for path, read in note["inputs"].items():
                if outputs.get(path, read) != read:
                    rule = note["recipe"]["rule"]
                    raise BadInput(f"{self.place(path)}: made again since {rule} has read it; run the workflow again")


def place(results: Path, path: str) -> Path:
    """Where a path that begins with results/ lies in a folder of results. Raises BadInput for any other."""
    parts = Path(path)
    if not parts.is_relative_to(RESULTS) or ".." in parts.parts:
        raise BadInput(f"{path}: named by a note, but not in results/; run the workflow again")
    return results / parts.relative_to(RESULTS)


def check(place: Path, expected: str) -> None:
    """Raise BadInput where a file or folder is not there, or not as a note has it."""
    if not place.exists():
        raise BadInput(f"{place}: missing; run the workflow again")
    if digest(place) != expected:
        raise BadInput(f"{place}: changed since the results were made; run the workflow again")
