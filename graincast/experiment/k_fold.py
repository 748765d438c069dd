"""Repeated k-fold of groups by the rank of their hash, stratified by growth ratio if asked for.

Stratifying needs no threshold: groups in ascending order of their mean growth ratio are cut into blocks of neighbours,
and each block is spread over the folds.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from graincast.files.name_hash import uniform


def k_fold(
    groups: Sequence[str],
    folds: int,
    repeats: int,
    validation: float,
    seed: int,
    growth_ratio: Mapping[str, float] | None = None,
) -> dict[str, list[str]]:
    """Repeated k-fold, {"r1f1": subset of each microstructure, "r1f2": …}: one fold per repeat and test subset.

    groups        the group of each microstructure
    validation    fraction of the groups outside the test subset that is held out to choose trials and checkpoints
    growth_ratio  mean growth ratio of each group, if the folds are to be alike in it

    Test subsets differ by at most one group. Raises ValueError if there are too few groups.
    """
    distinct = sorted(set(groups))
    _check_number(len(distinct), folds)
    names = iter(k_fold_names(folds, repeats))
    subsets = {}
    for repeat in range(1, repeats + 1):
        rank = {group: uniform("fold", seed, repeat, group) for group in distinct}
        validation_rank = {group: uniform("validation", seed, repeat, group) for group in distinct}
        tested_in = _dealt(distinct, folds, rank, growth_ratio)
        for fold in range(1, folds + 1):
            others = [group for group in distinct if tested_in[group] != fold]
            count = min(max(round(validation * len(others)), 1), len(others) - 1)
            held_out = _held_out(others, count, validation_rank, growth_ratio)
            subsets[next(names)] = [
                "test" if tested_in[group] == fold else "validation" if group in held_out else "train"
                for group in groups
            ]
    return subsets


def k_fold_names(folds: int, repeats: int) -> list[str]:
    """r1f1, r1f2, …: the folds of each repeat in order."""
    return [f"r{repeat}f{fold}" for repeat in range(1, repeats + 1) for fold in range(1, folds + 1)]


def _check_number(groups: int, folds: int) -> None:
    """Raise ValueError if there is no group for each test subset, or too few outside the largest."""
    if folds > groups:
        raise ValueError(
            f"{folds} folds need {folds} source microstructures or more, the data set has {groups}; "
            "use more data or fewer folds (config: splits)"
        )
    left = groups - -(-groups // folds)
    if left < 2:
        raise ValueError(
            f"{folds} folds of {groups} source microstructures leave {left} to train and validate on, not 2 or more; "
            "use more data or more folds (config: splits)"
        )


def _dealt(
    groups: Sequence[str], folds: int, rank: Mapping[str, float], growth_ratio: Mapping[str, float] | None
) -> dict[str, int]:
    """The fold that tests each group, from 1: groups are dealt out by rank, in blocks of similar growth ratio."""
    order = sorted(groups, key=rank.__getitem__)
    if growth_ratio is not None:
        order.sort(key=growth_ratio.__getitem__)
        blocks = [order[start : start + folds] for start in range(0, len(order), folds)]
        order = [group for block in blocks for group in sorted(block, key=rank.__getitem__)]
    return {group: i % folds + 1 for i, group in enumerate(order)}


def _held_out(
    groups: Sequence[str], count: int, rank: Mapping[str, float], growth_ratio: Mapping[str, float] | None
) -> set[str]:
    """The `count` groups of lowest rank; or the lowest of each of `count` blocks of similar growth ratio."""
    order = sorted(groups, key=rank.__getitem__)
    if growth_ratio is None:
        return set(order[:count])
    order.sort(key=growth_ratio.__getitem__)
    bounds = [i * len(order) // count for i in range(count + 1)]
    return {min(order[start:stop], key=rank.__getitem__) for start, stop in itertools.pairwise(bounds)}


def mean_growth_ratios(group_of: Mapping[str, str], growth_ratios: Mapping[str, Iterable[float]]) -> dict[str, float]:
    """Each group's mean growth ratio of the candidate grain over its microstructures and their growth runs.

    group_of       {microstructure: group}
    growth_ratios  {microstructure: the candidate's growth ratio in each growth run}

    Raises ValueError for a group without growth runs.
    """
    of_group: dict[str, list[float]] = {}
    for name, group in group_of.items():
        of_group.setdefault(group, []).extend(growth_ratios.get(name, ()))
    for group, ratios in of_group.items():
        if not ratios:
            raise ValueError(
                f"{group} has no growth run, so the split cannot be stratified by growth ratio; "
                "set stratify to false (config: splits)"
            )
    return {group: fmean(ratios) for group, ratios in of_group.items()}
