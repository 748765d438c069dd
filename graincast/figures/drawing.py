"""Microstructures of a data set, drawn by name."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

from graincast.figures import microstructure
from graincast.figures.style import FORMATS, save
from graincast.graphs import shards
from graincast.microstructure import BadInput, Microstructure


def draw(paths: Sequence[Path], names: Sequence[str], out: Path, form: str = "png", graph: bool = False) -> list[Path]:
    """Draw the initial states of these names, each candidate in the middle, as files of a folder; their paths.

    paths  shards of grain graphs
    names  of microstructures; none: all
    graph  draw the grain graph over the map
    Raises BadInput where a name is in none of the shards, before anything is drawn.
    """
    if form not in FORMATS:
        raise BadInput(f"{form}: not a format of figures ({', '.join(FORMATS)})")
    written = []
    for one in chosen(paths, names):
        file = out / f"{one.name.replace('/', '_')}{'.graph' if graph else ''}.{form}"
        save(microstructure.figure(one, _title(one), graph), file)
        written.append(file)
    return written


def draw_growth(
    paths: Sequence[Path], names: Sequence[str], out: Path, end: float | None, pictures: int, seed: int
) -> Iterator[Path]:
    """Grow these microstructures with the simulator, and draw each as a film (film.py); the paths, one by one."""
    from graincast.figures import film

    for one in chosen(paths, names):
        file = out / f"{one.name.replace('/', '_')}.gif"
        film.write(file, one, end, pictures, seed)
        yield file


def chosen(paths: Sequence[Path], names: Sequence[str]) -> Iterator[Microstructure]:
    """The microstructures of these names, or all. Raises BadInput where a name is in none of the shards."""
    known = set(shards.names(paths))
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]}?" if near else f", such as {min(known)}" if known else ""
            raise BadInput(f"no microstructure {name} among the {len(known)} of {paths[0].parent}{hint}")
    wanted = set(names) or known
    for path in paths:
        if wanted & set(shards.names([path])):
            yield from (one for one in shards.read(path) if one.name in wanted)


def shards_of(dataset: str, results: Path = Path("results")) -> list[Path]:
    """The shards of a data set's name, or of a file or folder of grain graphs. Raises BadInput where there are none."""
    if Path(dataset).is_file():
        return [Path(dataset)]
    if found := sorted(Path(dataset).glob("*.h5")):
        return found
    paths = sorted((results / "datasets" / dataset / "graphs").glob("*.h5"))
    if not paths:
        others = sorted(path.parent.name for path in (results / "datasets").glob("*/graphs"))
        remedy = f"name one of {', '.join(others)}" if others else "run the workflow first (make)"
        raise BadInput(f"{results}: has no graphs of a data set {dataset}; {remedy}, or a file or folder of graphs")
    return paths


def _title(one: Microstructure) -> str:
    ratios = ", ".join(f"{ratio:.1f}" for ratio in one.candidate_growth_ratios)
    return f"{one.name}: {one.grain_id.size} grains" + (f", growth ratio {ratios}" if ratios else "")
