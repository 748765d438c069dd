"""Splits into training, validation and test data, by a hash of each group's name and a seed.

A group is every microstructure that stems from one source; all of it is in the same subset. Nothing is shuffled:
`fractions` goes by the hash itself, so that adding a group moves no other; `k-fold` goes by the rank of the hash, so
that folds are equal, and adding a group moves some.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graincast.experiment.k_fold import k_fold, k_fold_names, mean_growth_ratios
from graincast.files import csv_table
from graincast.files.name_hash import uniform
from graincast.microstructure import BadInput

SUBSETS = ("train", "validation", "test")
SINGLE = "all"
"""The fold of a split that has one."""
METHOD_KEYS = {
    "fractions": ("seed", "validation", "test", "train_fraction"),
    "k-fold": ("seed", "validation", "folds", "repeats", "stratify", "train_fraction"),
    "file": (),
}
"""The settings that each split method needs."""


def fractions(groups: Sequence[str], validation: float, test: float, seed: int) -> dict[str, list[str]]:
    """A single fold, {"all": subset of each microstructure}, from the group of each microstructure."""

    def subset(group: str) -> str:
        u = uniform("fractions", seed, group)
        return "test" if u < test else "validation" if u < test + validation else "train"

    return {SINGLE: [subset(group) for group in groups]}


def with_train_fraction(
    folds: Mapping[str, Sequence[str]], groups: Sequence[str], fraction: float, seed: int
) -> dict[str, list[str]]:
    """The folds with about this fraction of their training groups left; the others get no subset ("").

    Which ones goes by a hash for each fold, so that a smaller fraction leaves some of those that a larger one leaves.
    """

    def subset(fold: str, group: str, given: str) -> str:
        return "" if given == "train" and uniform("train fraction", seed, fold, group) >= fraction else given

    if fraction == 1:
        return {fold: list(given_by_group) for fold, given_by_group in folds.items()}
    return {
        fold: [subset(fold, group, given) for group, given in zip(groups, given_by_group, strict=True)]
        for fold, given_by_group in folds.items()
    }


def read_table(path: str | os.PathLike) -> dict[str, str]:
    """{microstructure: subset} from a user's CSV with the columns microstructure and split.

    Raises ValueError, without the file's name, if the table is malformed.
    """
    header, rows = csv_table.read(path)
    columns = {
        name: [i for i, column in enumerate(header) if column.strip() == name] for name in ("microstructure", "split")
    }
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


def by_table(group_of: Mapping[str, str], path: str | os.PathLike) -> dict[str, list[str]]:
    """A single fold from a user's CSV (see `read_table`); microstructures that it does not list get no subset ("").

    group_of  {microstructure: group}

    Raises ValueError if the table is malformed, shares no name with the data set or divides a group.
    """
    try:
        table = read_table(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not table.keys() & group_of.keys():
        raise ValueError(f"{path}: none of its {len(table)} microstructures is in the data set")
    first_of: dict[str, str] = {}
    for name in filter(table.__contains__, group_of):
        first = first_of.setdefault(group_of[name], name)
        if table[first] != table[name]:
            raise ValueError(
                f"{path}: {first} is {table[first]} and {name} is {table[name]}, but both stem from "
                f"{group_of[name]}; put them in the same subset"
            )
    return {SINGLE: [table.get(name, "") for name in group_of]}


def fold_names(split: Mapping[str, Any]) -> list[str]:
    """The names of the folds of a configured split, in order."""
    return k_fold_names(split["folds"], split["repeats"]) if split["method"] == "k-fold" else [SINGLE]


def subsets_by_fold(
    group_of: Mapping[str, str],
    split: dict,
    table: str | os.PathLike | None = None,
    growth_ratios: Mapping[str, Iterable[float]] | None = None,
) -> dict[str, list[str]]:
    """{fold: subset of each microstructure} under a configured split (see config/README.md, splits).

    group_of       {microstructure: group}
    table          CSV file, for method file
    growth_ratios  {microstructure: the candidate's growth ratio in each growth run}, for a stratified split

    Raises ValueError if the split lacks a key that its method needs, the table is malformed or divides a group, there
    are too few groups, or a microstructure has no growth run to stratify by.
    """
    lacking = [key for key in METHOD_KEYS.get(split["method"], ()) if key not in split]
    if lacking:
        raise ValueError(f"the split lacks {lacking[0]}, which its method {split['method']} needs")
    groups = list(group_of.values())
    if split["method"] == "fractions":
        folds = fractions(groups, split["validation"], split["test"], split["seed"])
        return with_train_fraction(folds, groups, split["train_fraction"], split["seed"])
    if split["method"] == "k-fold":
        growth_ratio = mean_growth_ratios(group_of, growth_ratios or {}) if split["stratify"] else None
        settings = (split["folds"], split["repeats"], split["validation"], split["seed"])
        folds = k_fold(groups, *settings, growth_ratio)
        return with_train_fraction(folds, groups, split["train_fraction"], split["seed"])
    assert table is not None  # the method needs one
    return by_table(group_of, table)


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
