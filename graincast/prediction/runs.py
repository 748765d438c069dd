"""The raw data that a trained model is applied to, run by run, and the folder that takes what comes of it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from graincast.microstructure import BadInput
from graincast.program.progress import track
from graincast.raw import manifest
from graincast.raw.sources import SOURCES

T = TypeVar("T")


def found(data: Path, settings: Mapping[str, Any]) -> list[Path]:
    """All runs of a source at or below a path. Raises BadInput where there is none."""
    runs = SOURCES[settings["source"]].runs
    assert runs is not None  # else no data set can be read from there
    paths = list(runs(data))
    if not paths:
        raise BadInput(f"{data}: no data of source {settings['source']} there")
    return paths


def check_folder(out: Path, table: str, kind: str) -> None:
    """Raise BadInput where a folder holds something else than what is to be written there, by the table it lacks."""
    if out.exists() and not (out / table).is_file():
        raise BadInput(f"{out}: there already, and not {kind}'s folder; name another")


def each(
    paths: list[Path], data: Path, verb: str, use: Callable[[Path, str], T], rejected: list[tuple[str, str]]
) -> Iterator[tuple[str, T]]:
    """The name of each run, and what `use` makes of its path and name.

    Runs for which it raises BadInput are added to `rejected` with the reason. Raises BadInput if that are all.
    """
    root = data if data.is_dir() else data.parent
    for path in track(paths, verb, len(paths), "maps"):
        name = manifest.printable(manifest.run_name(path, root))
        try:
            result = use(path, name)
        except BadInput as error:
            rejected.append((name, manifest.printable(str(error))))
            print(f"rejected: {name}: {error}")
            continue
        yield name, result
    if len(rejected) == len(paths):
        raise BadInput(f"{data}: none of {len(paths)} maps could be used; {rejected[0][0]}: {rejected[0][1]}")
