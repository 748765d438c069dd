"""Splits into training, validation and test data: functions of a microstructure's own name and a seed.

Nothing is shuffled, so a microstructure that is added or removed moves no other one. All growth runs of one
initial state are one microstructure and always lie on the same side.
"""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graincast.microstructure import BadInput
from graincast.name_hash import uniform

PARTS = ("train", "validation", "test")
METHOD_KEYS = {
    "fractions": ("seed", "validation", "test"),
    "k-fold": ("seed", "validation", "folds", "repeats"),
    "file": (),
}
"""The settings that shape a split, by its method."""


def by_fractions(names: Sequence[str], validation: float, test: float, seed: int) -> dict[str, list[str]]:
    """One partition: each name's part by its hash. Returns {"all": part of each name}."""

    def part(name: str) -> str:
        u = uniform("fractions", seed, name)
        return "test" if u < test else "validation" if u < test + validation else "train"

    return {"all": [part(name) for name in names]}


def by_folds(names: Sequence[str], folds: int, repeats: int, validation: float, seed: int) -> dict[str, list[str]]:
    """Repeated k-fold: a partition a repeat and fold, that fold its test part.

    `validation` is the share of the remaining names that is held out for choosing a trial and its checkpoint.
    Returns {"r1f1": part of each name, "r1f2": …}.
    """
    partitions = {}
    for repeat in range(1, repeats + 1):
        fold_of = [int(folds * uniform("fold", seed, repeat, name)) + 1 for name in names]
        held_out = [uniform("validation", seed, repeat, name) < validation for name in names]
        for fold in range(1, folds + 1):
            partitions[f"r{repeat}f{fold}"] = [
                "test" if own == fold else "validation" if held else "train"
                for own, held in zip(fold_of, held_out, strict=True)
            ]
    return partitions


def given(path: str | os.PathLike) -> dict[str, str]:
    """The part of each microstructure that a CSV with the columns microstructure and split lists.

    Raises ValueError, without the file's name, where the table is malformed.
    """
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if not {"microstructure", "split"} <= set(rows.fieldnames or ()):
            raise ValueError(f"needs the columns microstructure and split, has {rows.fieldnames}")
        found: dict[str, str] = {}
        for row in rows:
            part = "validation" if row["split"] == "val" else row["split"]
            if part not in PARTS:
                raise ValueError(f"line {rows.line_num}: split {row['split']!r} is none of {', '.join(PARTS)}")
            name = (row["microstructure"] or "").removesuffix(".json")
            if found.setdefault(name, part) != part:
                raise ValueError(f"line {rows.line_num}: {name} is listed as {found[name]} and as {part}")
    return found


def by_table(names: Sequence[str], path: str | os.PathLike) -> dict[str, list[str]]:
    """A given CSV (see `given`); names that it does not list take no part ("").

    Raises ValueError where the table is malformed or shares no name with the data set.
    """
    try:
        table = given(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not table.keys() & set(names):
        raise ValueError(f"{path}: none of its {len(table)} microstructures is in the data set")
    return {"all": [table.get(name, "") for name in names]}


def partitions(names: Sequence[str], split: dict, table: str | os.PathLike | None = None) -> dict[str, list[str]]:
    """The partitions of `names` under a configured split (see config/README.md, splits).

    Raises ValueError where the split lacks a key of its method, or the table is malformed.
    """
    lacking = [key for key in METHOD_KEYS.get(split["method"], ()) if key not in split]
    if lacking:
        raise ValueError(f"the split lacks {lacking[0]}, which its method {split['method']} needs")
    if split["method"] == "fractions":
        return by_fractions(names, split["validation"], split["test"], split["seed"])
    if split["method"] == "k-fold":
        return by_folds(names, split["folds"], split["repeats"], split["validation"], split["seed"])
    return by_table(names, table)


def write(path: str | os.PathLike, names: Sequence[str], parts: dict[str, list[str]]) -> None:
    """A CSV, one row a microstructure, one column a partition."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["microstructure", *parts])
        table.writerows(zip(names, *parts.values(), strict=True))


def read(path: str | os.PathLike) -> tuple[list[str], dict[str, list[str]]]:
    """Names and partitions as `write` wrote them."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    return list(columns[0]), {name: list(column) for name, column in zip(header[1:], columns[1:], strict=True)}


def parts_of(path: str | os.PathLike, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The part of each of some microstructures in each partition of a file that `write` wrote, str [names].

    Raises BadInput where the file does not list one of them.
    """
    listed, partitions = read(path)
    row = {name: i for i, name in enumerate(listed)}
    unknown = next((name for name in names if name not in row), None)
    if unknown is not None:
        raise BadInput(f"{path}: does not list {unknown}; make it and the features again")
    order = [row[name] for name in names]
    return {partition: np.array(column)[order] for partition, column in partitions.items()}
