"""Which files of a folder are raw runs: DeepSPPARKS JSON graphs, SPPARKS/meso run folders, labelled images.

A run folder is either of

    nested   spparks_init/initial.dream3d, and spparks_results/*/stats.h5, one a growth run
    flat     initial.dream3d and stats.h5, one growth run

Symlinked folders are followed, each real folder once; hidden names are passed over.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

INITIAL, STATS = "initial.dream3d", "stats.h5"
IMAGES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


def json_graphs(root: Path) -> list[Path]:
    """The *.json files at or below a folder, as `_below` lists them."""
    root = Path(root)
    return [root] if root.is_file() else _below(root, (".json",))


def image_files(root: Path) -> list[Path]:
    """The image files below a folder, as `_below` lists them, whatever the case of their suffixes."""
    return _below(root, IMAGES, str.lower)


def _below(root: Path, suffixes: tuple[str, ...], compared: Callable[[str], str] = str) -> list[Path]:
    """The files below a folder, sorted by path; symlinked folders are followed, each real folder once.

    Hidden names are passed over.
    """
    found, seen = [], set()
    for folder, inside, files in os.walk(root, followlinks=True, onerror=_fail):
        real = os.path.realpath(folder)
        inside[:] = sorted(x for x in inside if not x.startswith(".")) if real not in seen else []
        if real not in seen:
            found += [Path(folder, x) for x in files if compared(x).endswith(suffixes) and not x.startswith(".")]
        seen.add(real)
    return sorted(found)


def run_folders(root: Path) -> list[Path]:
    """The run folders at or below a folder, sorted by path; symlinked folders are followed, each real folder once.

    Folders that miss one half of a run are listed too, so that reading them says what is missing.
    """
    found, seen = [], set()
    for folder, inside, files in os.walk(root, followlinks=True, onerror=_fail):
        real = os.path.realpath(folder)
        folder = Path(folder)
        if real in seen:
            inside.clear()
        elif INITIAL in files or STATS in files or (folder / "spparks_init" / INITIAL).is_file():
            found.append(folder)
            inside.clear()
        inside[:] = sorted(x for x in inside if not x.startswith("."))
        seen.add(real)
    return sorted(found)


def run_files(run_folder: Path) -> list[Path]:
    """The files that a run consists of: the initial state, then its growth runs in numerical order, where present."""
    folder = Path(run_folder)
    initial = [path for path in (folder / INITIAL, folder / "spparks_init" / INITIAL) if path.is_file()][:1]
    if (folder / STATS).is_file():
        return [*initial, folder / STATS]
    stats = (folder / "spparks_results").glob(f"[!.]*/{STATS}")
    return initial + sorted(stats, key=_numerical)


def _fail(error):
    raise error


def _numerical(path):
    """Sort key that puts run_2 before run_10."""
    parts = re.split(r"([0-9]+)", path.parent.name)
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)], path.parent.name


RUNS = {"deepspparks-json": json_graphs, "spparks": run_folders, "labelled-images": image_files}
FILES = {"deepspparks-json": lambda graph: [graph], "spparks": run_files, "labelled-images": lambda image: [image]}
"""By the source of a data set: how to list its runs, and the files of one run."""
