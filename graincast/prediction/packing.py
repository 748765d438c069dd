"""The sources that a trained model needs, packed where it is evaluated, so that it is served as it was trained."""

import importlib.metadata
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from graincast.experiment import declaration
from graincast.features.coarse_growth import SIMULATOR
from graincast.files.declaration import chain
from graincast.planning import sources
from graincast.planning.packages import BEARING, distribution
from graincast.program.extensions import FEATURES, place
from graincast.raw.sources import PLAIN, SOURCES

ROOT = Path(__file__).parents[2]
SERVING = [f"graincast/prediction/{name}.py" for name in ("pyfunc", "trained_model", "raw_files")]
SIMULATOR_FILE = sources.module(*SIMULATOR.split(".")[1:])
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of a zip entry; fixed, so that equal sources give equal bytes


def files(model: str, extensions: Sequence[Path], source: str | None = None) -> dict[str, Path]:
    """The source files that predictions of a model run, by their name in the zip.

    source  of the raw data that it was trained on, which it reads besides PLAIN; None: it reads no others
    """
    extensions = [place(folder) for folder in extensions]
    declared = chain(model, declaration.folders(extensions))
    own = [*declared, declared[0].with_suffix(".py"), *(folder / f"{FEATURES}.py" for folder in extensions)]
    readers = {sources.module("raw", SOURCES[name].reader) for name in (*PLAIN, source) if name}
    started = [sources.of_path(ROOT, path) for path in own if path.is_file()]
    found = sources.closure(ROOT, *SERVING, SIMULATOR_FILE, *sorted(readers), *started, extensions=extensions)
    return {sources.name(source, extensions): ROOT / source for source in found}


def packed(model: str, extensions: Sequence[Path], source: str | None = None) -> bytes:
    """A zip of these files; equal sources give equal bytes."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files(model, extensions, source).items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return memory.getvalue()


def requirements(model: str, extensions: Sequence[Path], source: str | None = None) -> list[str]:
    """The distributions that predictions of a model need, pinned to the installed versions."""
    places = [place(folder) for folder in extensions]
    found = [sources.of_path(ROOT, path) for path in files(model, extensions, source).values()]
    imported = sources.packages(ROOT, found, places)
    names = {name for package in imported for name in BEARING.get(package) or [distribution(package)] if name}
    return sorted(f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names)
