"""The sources of raw data: how the runs in a folder are found, and which files one has.

A run folder has one of two layouts:

    nested   spparks_init/initial.dream3d, and one spparks_results/*/stats.h5 per growth run
    flat     initial.dream3d and stats.h5, one growth run

Symlinked folders are followed, each real folder once; hidden names are skipped. Symbolic links that lead nowhere are
listed too, so that what is missing is reported.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.raw.limits import behind_broken_link

INITIAL, STATS = "initial.dream3d", "stats.h5"
IMAGES = (".bmp", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
LABEL_IMAGES = (".npy", ".h5", ".hdf5", ".tif", ".tiff", ".png")


def json_graphs(root: Path) -> list[Path]:
    """The *.json files at or below a path, as `_below` lists them."""
    root = Path(root)
    return [root] if root.is_file() else _below(root, (".json",))


def image_files(root: Path) -> list[Path]:
    """The image files below a folder, as `_below` lists them; suffixes may be upper or lower case."""
    return _below(root, IMAGES, str.lower)


def label_images(root: Path) -> list[Path]:
    """The label images at or below a path, as `_below` lists them; suffixes may be upper or lower case."""
    return _at_or_below(root, LABEL_IMAGES)


def label_image_files(run: Path) -> list[Path]:
    """A label image, and the table of its grains, if there is one: the same name with the suffix .csv."""
    table = run.with_suffix(".csv")
    return [run, table] if _is_there(table) else [run]


def dream3d_files(root: Path) -> list[Path]:
    """The *.dream3d files at or below a path, as `_below` lists them."""
    return _at_or_below(root, (".dream3d",))


def ebsd_maps(root: Path) -> list[Path]:
    """The EBSD maps at or below a path, as `_below` lists them; suffixes may be upper or lower case."""
    return _at_or_below(root, (".ang", ".ctf", ".cpr"))


def ebsd_files(run: Path) -> list[Path]:
    """The file of an EBSD map; of a .cpr file, the .crc file beside it too, if it is there."""
    binary = run.with_suffix(".crc")
    return [run, binary] if run.suffix == ".cpr" and _is_there(binary) else [run]


def _at_or_below(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """A file with one of these suffixes itself, or those below a folder; suffixes may be upper or lower case."""
    root = Path(root)
    if root.is_file():
        return [root] if root.name.lower().endswith(suffixes) else []
    return _below(root, suffixes, str.lower)


def _below(root: Path, suffixes: tuple[str, ...], normalise: Callable[[str], str] = str) -> list[Path]:
    """The files below a folder, sorted by path; symlinked folders are followed, each real folder once.

    Hidden names are skipped. A broken link without a suffix is listed, for it led to a folder.
    """
    paths, seen = [], set()
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_fail):
        real = os.path.realpath(folder)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".")) if real not in seen else []
        if real not in seen:
            shown = [name for name in files if not name.startswith(".")]
            paths += [Path(folder, name) for name in shown if normalise(name).endswith(suffixes)]
            paths += _broken_links(folder, shown)
        seen.add(real)
    return sorted(paths)


def run_folders(root: Path) -> list[Path]:
    """The run folders at or below a folder, sorted by path; symlinked folders are followed, each real folder once.

    Folders that lack half of a run are listed too, so that reading them reports what is missing; so are broken links
    without a suffix, which led to folders.
    """
    run_roots, seen = [], set()
    for path, subfolders, files in os.walk(root, followlinks=True, onerror=_fail):
        real, folder = os.path.realpath(path), Path(path)
        if real in seen:
            subfolders.clear()
        elif INITIAL in files or STATS in files or _is_there(folder / "spparks_init" / INITIAL):
            run_roots.append(folder)
            subfolders.clear()
        else:
            run_roots += _broken_links(path, [name for name in files if not name.startswith(".")])
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        seen.add(real)
    return sorted(run_roots)


def run_files(run_folder: Path) -> list[Path]:
    """The files of a run: the initial state, then its growth runs in numerical order, if present.

    What lies behind a broken link counts as present: a run that lacks it is another run.
    """
    folder = Path(run_folder)
    if folder.is_symlink() and not folder.exists():
        return [folder]
    initial = [path for path in (folder / INITIAL, folder / "spparks_init" / INITIAL) if _is_there(path)][:1]
    results = folder / "spparks_results"
    if _is_there(folder / STATS):
        return [*initial, folder / STATS]
    if behind_broken_link(results):
        return [*initial, results]
    names = (one.name for one in results.iterdir()) if results.is_dir() else ()
    stats = [results / name / STATS for name in sorted(names, key=numerical) if not name.startswith(".")]
    return initial + [path for path in stats if _is_there(path)]


def dump_runs(root: Path) -> list[Path]:
    """The SPPARKS dumps and site files at or below a path: files, and folders of numbered dumps, sorted by path.

    They are the files with dump, site, sites or spparks as a part of their names between dots. A dump with a number as
    another part, such as dump.potts.25, is a frame of the run that its folder is.
    """
    root = Path(root)
    if root.is_file():
        return [root]
    paths = {path for path in _below(root, ("",)) if _is_dump(path.name) or not (path.suffix or path.exists())}
    return sorted({path.parent if _is_frame(path.name) else path for path in paths})


def dump_files(run: Path) -> list[Path]:
    """The files of a run of `dump_runs`, frames in numerical order."""
    run = Path(run)
    names = (path.name for path in run.iterdir()) if run.is_dir() else ()
    frames = [name for name in names if _is_frame(name) and not name.startswith(".")]
    return [run / name for name in sorted(frames, key=numerical)] or [run]


_DUMP_PARTS, _NOT_TEXT = {"dump", "site", "sites", "spparks"}, (".json", ".csv", ".py", ".vti", ".mpg", ".ppm", *IMAGES)


def _is_dump(name: str) -> bool:
    return bool(_DUMP_PARTS & {*name.split(".")}) and not name.lower().endswith(_NOT_TEXT)


def _is_frame(name: str) -> bool:
    """Whether a file is named as one frame of a dump: dump.potts.25, 25.dump."""
    return _is_dump(name) and "dump" in name.split(".") and any(re.fullmatch("[0-9]+", one) for one in name.split("."))


def growth_run_names(run_folder: Path, stats: Sequence[Path]) -> list[str]:
    """The names of growth runs: their folders' without "run_" or "run-"; "1" for the one of a flat run folder."""
    folders = ["1" if path.parent == Path(run_folder) else path.parent.name for path in stats]
    short = [name[4:] if name.startswith(("run_", "run-")) and name[4:] else name for name in folders]
    return short if len(set(short)) == len(short) else folders


def _fail(error: OSError) -> NoReturn:
    raise error


def numerical(name: str) -> tuple[list[tuple[int, str]], str]:
    """Sort key that puts run_2 before run_10."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if i % 2 else (0, part) for i, part in enumerate(parts)], name


def _is_there(path: Path) -> bool:
    """Whether a path exists, or lies behind a broken link."""
    return os.path.lexists(path) or behind_broken_link(path)


def _broken_links(folder: str, names: Sequence[str]) -> list[Path]:
    """The broken links among the files of a folder that have no suffix."""
    paths = [Path(folder, name) for name in names]
    return [path for path in paths if not path.suffix and path.is_symlink() and not path.exists()]


def _itself(run: Path) -> list[Path]:
    return [run]


READER_KEYS = ("periodic", "spacing", "slice")
"""Keys of a data set that say how its files are read."""
GROWTH_KEYS = ("hops", "time_steps", "growth_runs")
MAP_KEYS = ("candidates", "types")
"""Keys of a data set that say what is made of what was read."""

MEASURED = ("path", "shards", "hops", *MAP_KEYS, *READER_KEYS)
"""The keys of a data set of maps without growth runs."""


@dataclass(frozen=True)
class Source:
    """A source of raw data.

    description  one line for the documentation
    reader       module of graincast/raw whose `read` reads one run; "" for images, which have no grains
    runs         lists the runs below a data set's `path`; None where the workflow makes them itself
    files        lists the files of a run
    keys         of a data set that have an effect with this source, besides source, results and max_rejected;
                 `read` gets those of READER_KEYS as arguments, where they are not null
    required     those of them that must be there
    settings     further keys of its own, as {key: JSON Schema}; `read` gets them as arguments
    types        whether its files encode grain types
    """

    description: str
    reader: str
    runs: Callable[[Path], list[Path]] | None
    files: Callable[[Path], list[Path]]
    keys: tuple[str, ...]
    required: tuple[str, ...] = ("path",)
    settings: Mapping[str, dict] = field(default_factory=dict)
    types: bool = True

    @property
    def single_files(self) -> bool:
        """Whether a run is one file, not a folder."""
        return self.files is _itself


def _array(description: str) -> dict:
    """The schema of the path of an array in a file."""
    return {"description": description, "type": ["string", "null"], "minLength": 1, "default": None}


def _misorientation(default: float, where: str = "") -> dict:
    """The schema of the misorientation at which grains are told apart."""
    description = f"Largest misorientation of neighbouring sites of one grain {where}".rstrip()
    return {
        "description": f"{description}, in degrees, under the crystal's symmetry.",
        "type": "number",
        "exclusiveMinimum": 0,
        "maximum": 180,
        "default": default,
    }


def _min_size(default: int, where: str = "") -> dict:
    """The schema of the size from which on a grain counts."""
    description = f"Fewest sites of a grain {where}".rstrip()
    return {
        "description": f"{description}; the sites of smaller ones belong to no grain.",
        "type": "integer",
        "minimum": 1,
        "maximum": 1000000,
        "default": default,
    }


SOURCES = {
    "deepspparks-json": Source(
        "a folder of DeepSPPARKS JSON graphs",
        reader="deepspparks",
        runs=json_graphs,
        files=_itself,
        keys=("path", "shards", *GROWTH_KEYS),
    ),
    "spparks": Source(
        "a SPPARKS/meso run folder, or a folder of them",
        reader="spparks",
        runs=run_folders,
        files=run_files,
        keys=("path", "shards", *GROWTH_KEYS, *MAP_KEYS, "periodic", "spacing"),
    ),
    "simulate": Source(
        "the built-in Potts simulator; one shard per `simulate.batch`",
        reader="spparks",
        runs=None,
        files=run_files,
        keys=(*GROWTH_KEYS, *MAP_KEYS, "simulate"),
        required=("simulate",),
    ),
    "spparks-dump": Source(
        "text dumps of SPPARKS's Potts applications, or its site files",
        reader="spparks_dump",
        runs=dump_runs,
        files=dump_files,
        keys=("path", "shards", *GROWTH_KEYS, *MAP_KEYS, *READER_KEYS),
        settings={
            "grains": {
                "description": "What a grain is. `spins`: all sites of one spin. `clusters`: connected sites of one "
                "spin, where there are so few spins that several grains share one; they are followed from frame to "
                "frame.",
                "type": "string",
                "enum": ["spins", "clusters"],
                "default": "spins",
            },
            "start": {
                "description": "The first frame at or after this time, in MCS, is the initial state; earlier frames "
                "are left out.",
                "type": "number",
                "minimum": 0,
                "default": 0,
            },
        },
        types=False,
    ),
    "labelled-images": Source(
        "a folder of images named after their class, such as `Cr_1.bmp`; no grains",
        reader="",
        runs=image_files,
        files=_itself,
        keys=("path", "shards"),
    ),
    "label-image": Source(
        "a folder of label images, whose values are grain ids, each with an optional CSV of its grains",
        reader="label_image",
        runs=label_images,
        files=label_image_files,
        keys=MEASURED,
        settings={
            "dataset": {
                "description": "Path of the label image in HDF5 files. null: their only dataset that can be one.",
                "type": ["string", "null"],
                "minLength": 1,
                "default": None,
            }
        },
        types=False,
    ),
    "dream3d": Source(
        "a folder of maps in DREAM.3D files, versions 6.x, 6.5 and NX",
        reader="dream3d_map",
        runs=dream3d_files,
        files=_itself,
        keys=MEASURED,
        settings={
            "arrays": {
                "description": "Paths of arrays in a file by role, such as `DataContainers/Map/CellData/FeatureIds`.",
                "type": "object",
                "additionalProperties": False,
                "default": {},
                "properties": {
                    "feature_ids": _array("The grain of each site. null: FeatureIds or GrainIds."),
                    "orientations": _array(
                        "Quaternions or Euler angles of grains or sites. null: AvgQuats, AvgEulerAngles, Quats or "
                        "EulerAngles, the first that is there."
                    ),
                    "phases": _array("The phase of each grain or site. null: Phases."),
                    "crystal_structures": _array("The crystal structure of each phase. null: CrystalStructures."),
                },
            },
            "laue": {
                "description": "Laue group of all phases, such as m-3m (cubic metals). null: as the files say.",
                "enum": [None, *LAUE_GROUPS],
                "default": None,
            },
            "misorientation": _misorientation(5, "in files without grain ids"),
            "min_size": _min_size(5, "in files without grain ids"),
        },
        types=False,
    ),
    "ebsd": Source(
        "a folder of EBSD maps: .ang, .ctf, or .cpr with .crc",
        reader="ebsd",
        runs=ebsd_maps,
        files=ebsd_files,
        keys=("path", "shards", "hops", *MAP_KEYS, "periodic", "spacing"),
        settings={"misorientation": _misorientation(10), "min_size": _min_size(10)},
        types=False,
    ),
}
"""All sources of data sets."""
PLAIN = ("deepspparks-json", "spparks")
"""Sources that every trained model reads, whatever its training data were: their readers need no further library."""
