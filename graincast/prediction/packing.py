"""The sources that a trained model needs, packed where it is evaluated, so that it is served as it was trained."""

import importlib.metadata
import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from graincast.experiment import declaration
from graincast.files.declaration import chain
from graincast.planning import sources
from graincast.planning.packages import BEARING
from graincast.raw.sources import SOURCES

ROOT = Path(__file__).parents[2]
SERVING = [f"graincast/prediction/{name}.py" for name in ("pyfunc", "trained_model", "raw_files")]
OTHERS = {"pandas": "pandas", "yaml": "pyyaml"}
"""Distributions that serving needs besides those that bear on numbers, by the package that sources import."""
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of a zip entry; fixed, so that equal sources give equal bytes


def files(model: str, extensions: Sequence[Path]) -> dict[str, Path]:
    """The source files that predictions of a model run, by their name in the zip."""
    declared = chain(model, declaration.folders(extensions))
    first = [declared[0].with_suffix(".py"), *declared]
    own = [path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path.resolve()) for path in first]
    own += [str(path.resolve()) for folder in extensions if (path := folder / "features.py").is_file()]
    readers = sorted({sources.module("raw", source.reader) for source in SOURCES.values() if source.reader})
    found = sources.closure(ROOT, *SERVING, *readers, *own, extensions=extensions)
    return {_name(source): ROOT / source for source in found}


def packed(model: str, extensions: Sequence[Path]) -> bytes:
    """A zip of these files; equal sources give equal bytes."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files(model, extensions).items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return memory.getvalue()


def requirements(model: str, extensions: Sequence[Path]) -> list[str]:
    """The distributions that predictions of a model need, pinned to the installed versions."""
    paths = [str(path) for path in files(model, extensions).values()]
    imported = sources.packages(ROOT, paths, extensions)
    names = {name for package in imported for name in BEARING.get(package, (OTHERS.get(package, package),))}
    return sorted(f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names)


def _name(source: str) -> str:
    """A source's name in the zip: of an extension, the names of folder and file."""
    path = Path(source)
    return f"{path.parent.name}/{path.name}" if path.is_absolute() else source
