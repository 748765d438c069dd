"""Splits into training, validation and test data, by a hash of each microstructure's name and a seed.

Nothing is shuffled, so adding or removing a microstructure moves no other. All growth runs from one initial state
belong to one microstructure, and therefore to one subset.
"""

import os
from collections.abc import Sequence

import numpy as np

from graincast.files import csv_table
from graincast.files.name_hash import uniform
from graincast.microstructure import BadInput

SUBSETS = ("train", "validation", "test")
METHOD_KEYS = {
    "fractions": ("seed", "validation", "test"),
    "k-fold": ("seed", "validation", "folds", "repeats"),
    "file": (),
}
"""The settings that each split method needs."""


def fractions(names: Sequence[str], validation: float, test: float, seed: int) -> dict[str, list[str]]:
    """A single fold, {"all": subset of each name}."""

    def subset(name: str) -> str:
        u = uniform("fractions", seed, name)
        return "test" if u < test else "validation" if u < test + validation else "train"

    return {"all": [subset(name) for name in names]}


def k_fold(names: Sequence[str], folds: int, repeats: int, validation: float, seed: int) -> dict[str, list[str]]:
    """Repeated k-fold, {"r1f1": subset of each name, "r1f2": …}: one fold per repeat and test subset.

    validation  fraction of the names outside the test subset that is held out to choose trials and checkpoints
    """
    subsets = {}
    for repeat in range(1, repeats + 1):
        test_fold = [int(folds * uniform("fold", seed, repeat, name)) + 1 for name in names]
        held_out = [uniform("validation", seed, repeat, name) < validation for name in names]
        for fold in range(1, folds + 1):
            subsets[f"r{repeat}f{fold}"] = [
                "test" if tested_in == fold else "validation" if held else "train"
                for tested_in, held in zip(test_fold, held_out, strict=True)
            ]
    return subsets


def read_table(path: str | os.PathLike) -> dict[str, str]:
    """{microstructure: subset} from a user's CSV with the columns microstructure and split.

    Raises ValueError, without the file's name, if the table is malformed.
    """
    header, rows = csv_table.read(path)
    columns = {name: [i for i, column in enumerate(header) if column == name] for name in ("microstructure", "split")}
    if any(len(indices) != 1 for indices in columns.values()):
        raise ValueError(f"needs one column microstructure and one column split, has {header}")
    (name_column,), (split_column,) = columns.values()
    subsets: dict[str, str] = {}
    for line, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) != len(header):
            raise ValueError(f"line {line}: {len(row)} values under {len(header)} columns")
        subset = "validation" if row[split_column] == "val" else row[split_column]
        if subset not in SUBSETS:
            raise ValueError(f"line {line}: split {row[split_column]!r} is none of {', '.join(SUBSETS)}")
        name = row[name_column].removesuffix(".json")
        if subsets.setdefault(name, subset) != subset:
            raise ValueError(f"line {line}: {name} is listed as {subsets[name]} and as {subset}")
    return subsets


def by_table(names: Sequence[str], path: str | os.PathLike) -> dict[str, list[str]]:
    """A single fold from a user's CSV (see `read_table`); names that it does not list get no subset ("").

    Raises ValueError if the table is malformed or shares no name with the data set.
    """
    try:
        table = read_table(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not table.keys() & set(names):
        raise ValueError(f"{path}: none of its {len(table)} microstructures is in the data set")
    return {"all": [table.get(name, "") for name in names]}


def subsets_by_fold(names: Sequence[str], split: dict, table: str | os.PathLike | None = None) -> dict[str, list[str]]:
    """{fold: subset of each name} under a configured split (see config/README.md, splits).

    Raises ValueError if the split lacks a key that its method needs, or the table is malformed.
    """
    lacking = [key for key in METHOD_KEYS.get(split["method"], ()) if key not in split]
    if lacking:
        raise ValueError(f"the split lacks {lacking[0]}, which its method {split['method']} needs")
    if split["method"] == "fractions":
        return fractions(names, split["validation"], split["test"], split["seed"])
    if split["method"] == "k-fold":
        return k_fold(names, split["folds"], split["repeats"], split["validation"], split["seed"])
    assert table is not None  # the method needs one
    return by_table(names, table)


def write(path: str | os.PathLike, names: Sequence[str], subsets: dict[str, list[str]]) -> None:
    """Write a CSV with one row per microstructure and one column per fold."""
    csv_table.write(path, ["microstructure", *subsets], zip(names, *subsets.values(), strict=True))


def read(path: str | os.PathLike) -> tuple[list[str], dict[str, list[str]]]:
    """The names and folds in a file from `write`."""
    header, rows = csv_table.read(path)
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    return list(columns[0]), {name: list(column) for name, column in zip(header[1:], columns[1:], strict=True)}


def subsets_of(path: str | os.PathLike, names: Sequence[str]) -> dict[str, np.ndarray]:
    """{fold: subset of each name, str [names]} from a file that `write` wrote.

    Raises BadInput if the file does not list a name.
    """
    listed, folds = read(path)
    row = {name: i for i, name in enumerate(listed)}
    unknown = next((name for name in names if name not in row), None)
    if unknown is not None:
        raise BadInput(f"{path}: does not list {unknown}; recreate it and the features")
    order = [row[name] for name in names]
    return {fold: np.array(column)[order] for fold, column in folds.items()}
