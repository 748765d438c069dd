"""Splits: no group is divided, folds are equal, nothing depends on order, and CSV files are exact."""

import argparse
import itertools
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from graincast.experiment import splits
from graincast.graphs import shards
from scripts.split import main
from tests.recipes import recipe
from tests.tables import microstructure

NAMES = [f"run-{i:04d}" for i in range(1000)]
K_FOLD = {"method": "k-fold", "folds": 4, "repeats": 2, "validation": 0.25, "seed": 3, "train_fraction": 1}
METHODS = {
    "fractions": {"method": "fractions", "validation": 0.2, "test": 0.3, "seed": 3, "train_fraction": 1},
    "k-fold": K_FOLD | {"stratify": False},
    "stratified": K_FOLD | {"stratify": True},
}
every_method = pytest.mark.parametrize("settings", METHODS.values(), ids=METHODS)


def alone(*names: str) -> dict[str, str]:
    """Each microstructure a group of its own."""
    return dict(zip(names, names, strict=True))


ALONE = alone(*NAMES)


def maps(groups: int, seed: int = 0) -> dict[str, str]:
    """Microstructures of 1 to 5 candidates per map, in no order."""
    rng = np.random.default_rng(seed)
    members = [(f"map-{i}/{k}", f"map-{i}") for i in range(groups) for k in range(rng.integers(1, 6))]
    return dict(members[i] for i in rng.permutation(len(members)))


def ratios_of(group_of: dict[str, str], seed: int = 0) -> dict[str, list[float]]:
    """One to three growth ratios of each microstructure, of a heavy-tailed distribution, alike in a group."""
    rng = np.random.default_rng(seed)
    of_group = {group: rng.lognormal(1, 1) for group in sorted(set(group_of.values()))}
    return {
        name: (of_group[group] * rng.uniform(0.8, 1.2, rng.integers(1, 4))).tolist()
        for name, group in sorted(group_of.items())
    }


def split_groups(group_of: dict[str, str], split: dict, seed: int = 0) -> dict[str, dict[str, str]]:
    """{fold: subset of each group}; fails if a group is divided."""
    by_fold = {}
    for fold, subsets in splits.subsets_by_fold(group_of, split, None, ratios_of(group_of, seed)).items():
        pairs = set(zip(group_of.values(), subsets, strict=True))
        by_fold[fold] = dict(pairs)
        assert len(by_fold[fold]) == len(pairs)
    return by_fold


@every_method
@pytest.mark.parametrize("groups", [5, 60])
def test_no_group_is_divided(settings, groups):
    for subset_of in split_groups(maps(groups), settings).values():
        assert len(subset_of) == groups


@every_method
def test_the_order_of_microstructures_changes_nothing(settings):
    group_of = maps(40)
    sets = [
        splits.subsets_by_fold(shuffled, settings, None, ratios_of(group_of))
        for shuffled in (group_of, dict(sorted(group_of.items())))
    ]
    for fold, subsets in sets[0].items():
        subset_of = dict(zip(group_of, subsets, strict=True))
        assert [subset_of[name] for name in sorted(group_of)] == sets[1][fold]


@every_method
def test_the_seed_changes_the_split(settings):
    ratios = ratios_of(ALONE)
    other = splits.subsets_by_fold(ALONE, {**settings, "seed": 4}, None, ratios)
    for fold, subsets in splits.subsets_by_fold(ALONE, settings, None, ratios).items():
        assert 0.2 < sum(a != b for a, b in zip(subsets, other[fold], strict=True)) / len(NAMES) < 0.8


def test_fractions_of_old_groups_stay_when_groups_and_members_are_added():
    few, many = maps(300), maps(400, seed=1)
    before, after = (split_groups(group_of, METHODS["fractions"])["all"] for group_of in (few, few | many))
    assert len(after) > len(before) and before == {group: after[group] for group in before}


def test_fractions_are_met():
    count = Counter(splits.subsets_by_fold(ALONE, METHODS["fractions"])["all"])
    assert set(count) == set(splits.SUBSETS)
    # four standard deviations of a binomial of 1,000
    assert abs(count["validation"] - 200) < 51
    assert abs(count["test"] - 300) < 58


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize("validation", [0.01, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("folds", [2, 3, 5, 7])
def test_folds_are_equal_and_complete(folds, validation, stratify):
    for seed, groups in enumerate([max(folds, 4), folds + 1, 12, 23, 50]):
        if groups < max(folds, 4):
            continue
        split = K_FOLD | {"folds": folds, "validation": validation, "seed": seed}
        by_fold = split_groups(maps(groups, seed), {**split, "stratify": stratify}, seed)
        assert list(by_fold) == [f"r{repeat}f{fold}" for repeat in (1, 2) for fold in range(1, folds + 1)]
        counts = {fold: Counter(subset_of.values()) for fold, subset_of in by_fold.items()}
        for count in counts.values():
            assert set(count) == set(splits.SUBSETS)
            assert count["test"] in (groups // folds, -(-groups // folds))
            others = groups - count["test"]
            assert count["validation"] == min(max(round(Fraction(str(validation)) * others), 1), others - 1)
        for repeat in "12":
            tested = [
                group
                for fold, subset_of in by_fold.items()
                if fold.startswith(f"r{repeat}")
                for group, subset in subset_of.items()
                if subset == "test"
            ]
            assert len(tested) == len(set(tested)) == groups


def test_as_many_folds_as_groups_leave_each_out_once():
    by_fold = split_groups(maps(3), {**METHODS["k-fold"], "folds": 3})
    assert all(Counter(subset_of.values()) == dict.fromkeys(splits.SUBSETS, 1) for subset_of in by_fold.values())


def test_repeats_differ_and_adding_repeats_changes_none():
    split = METHODS["k-fold"]
    folds = splits.subsets_by_fold(ALONE, split)
    tested = [
        {name for name, subset in zip(NAMES, subsets, strict=True) if subset == "test"} for subsets in folds.values()
    ]
    for a, b in itertools.combinations(tested, 2):
        assert len(a & b) < 100  # 1/16 of the names is expected across repeats
    longer = splits.subsets_by_fold(ALONE, {**split, "repeats": 5})
    assert {name: longer[name] for name in folds} == folds


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize(
    ("folds", "groups", "reason"),
    [
        (5, 4, "5 folds need 5 source microstructures or more, the data set has 4; use more data or fewer folds"),
        (2, 0, "the data set has 0"),
        (2, 2, "2 folds of 2 source microstructures leave 1 to train and validate on, not 2 or more"),
        (2, 3, "2 folds of 3 source microstructures leave 1 to train and validate on, .* use more data or more folds"),
    ],
)
def test_too_few_groups_are_refused(folds, groups, reason, stratify):
    with pytest.raises(ValueError, match=reason):
        split_groups(maps(groups), {**METHODS["k-fold"], "folds": folds, "stratify": stratify})


def fold_means(ratio: dict[str, float], split: dict, subset: str) -> np.ndarray:
    """The mean growth ratio of a subset in each fold of the first repeat."""
    by_fold = splits.subsets_by_fold(alone(*ratio), split, None, {name: [value] for name, value in ratio.items()})
    masks = [np.array(subsets) == subset for fold, subsets in by_fold.items() if fold.startswith("r1")]
    return np.array([np.array(list(ratio.values()))[mask].mean() for mask in masks])


@pytest.mark.parametrize("subset", ["test", "validation"])
def test_stratified_folds_are_more_alike(subset):
    spread = {"k-fold": [], "stratified": []}
    for seed in range(20):
        ratio = {f"g{i}": float(r) for i, r in enumerate(np.random.default_rng(seed).gamma(2, 3, 48))}
        for method, values in spread.items():
            values.append(np.std(fold_means(ratio, {**METHODS[method], "seed": seed}, subset)))
    assert np.mean(spread["stratified"]) < np.mean(spread["k-fold"]) / 2


def test_each_stratified_fold_tests_one_group_of_each_block_of_neighbours():
    ratio = {f"g{i}": 0.5 * i for i in range(22)}  # blocks of four: g0 to g3, g4 to g7, …, and g20 and g21
    ratios = {name: [value] for name, value in ratio.items()}
    by_fold = splits.subsets_by_fold(alone(*ratio), METHODS["stratified"], None, ratios)
    for subsets in by_fold.values():
        blocks = [i // 4 for i, subset in enumerate(subsets) if subset == "test"]
        assert blocks in ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5])
        held_out = [i for i, subset in enumerate(subsets) if subset == "validation"]
        assert len(held_out) == 4 and held_out[0] < 8 and held_out[-1] >= 14
    means = fold_means(ratio, METHODS["stratified"], "test")
    assert means.max() - means.min() < 4


def test_a_group_counts_with_the_mean_over_its_members_and_growth_runs():
    group_of = {"a/1": "a", "a/2": "a", "b": "b"}
    assert splits.mean_growth_ratios(group_of, {"a/1": [1, 2], "a/2": np.array([6.0]), "b": [5]}) == {"a": 3, "b": 5}


@pytest.mark.parametrize("none", [{}, {"b": microstructure("b", 1, records=()).candidate_growth_ratios}])
def test_a_microstructure_without_growth_runs_cannot_be_stratified(none):
    reason = "b has no growth run, so the split cannot be stratified by growth ratio; set stratify to false"
    with pytest.raises(ValueError, match=reason):
        splits.subsets_by_fold(alone("a", "b"), METHODS["stratified"], None, {"a": [1]} | none)


def table(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_given_table_is_followed(tmp_path):
    text = "split,note,microstructure\ntrain,x,a\nval,,b.json\nvalidation,,sub/c\ntest,,gone\ntest,,d\ntest,,d\n"
    subsets = splits.subsets_by_fold(alone("d", "a", "b", "sub/c", "e"), {"method": "file"}, table(tmp_path, text))
    assert subsets == {"all": ["test", "train", "validation", "validation", ""]}


def test_a_byte_order_mark_is_ignored(tmp_path):
    subsets = splits.by_table(alone("a"), table(tmp_path, "\ufeffmicrostructure,split\na,test\n"))
    assert subsets == {"all": ["test"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,split\na,train\n", r"needs one column microstructure and one column split, has \['name', 'split'\]"),
        ("microstructure,split,split\na,train,test\n", "needs one column microstructure and one column split"),
        ("microstructure,split, split\na,train,test\n", "needs one column microstructure and one column split"),
        ("microstructure\na\n", "needs one column microstructure and one column split"),
        ("", "needs one column microstructure and one column split, has \\[\\]"),
        ("microstructure,split\na,train\nb,tset\n", "line 3: split 'tset' is none of train, validation, test"),
        ("microstructure,split\na\n", "line 2: 1 values under 2 columns"),
        ("microstructure,split\na,train\na.json,test\n", "line 3: a is listed as train and as test"),
        ("microstructure,split\nx,train\ny,test\n", "none of its 2 microstructures is in the data set"),
        ("split,microstructure\ntrain,\n", "none of its 1 microstructures is in the data set"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, text, reason):
    path = table(tmp_path, text)
    with pytest.raises(ValueError, match=f"^{path}.*{reason}"):
        splits.by_table(alone("a", "b"), path)


def test_a_table_that_divides_a_group_is_refused(tmp_path):
    group_of = {"m/1": "m", "m/2": "m", "m/3": "m", "n": "n"}
    path = table(tmp_path, "microstructure,split\nn,test\nm/1,train\nm/3,test\n")
    reason = "m/1 is train and m/3 is test, but both stem from m; put them in the same subset"
    with pytest.raises(ValueError, match=f"^{path}: {reason}$"):
        splits.by_table(group_of, path)
    path = table(tmp_path, "microstructure,split\nn,test\nm/1,train\nm/3,train\n")
    assert splits.by_table(group_of, path) == {"all": ["train", "", "train", "test"]}


def test_csv_round_trip(tmp_path):
    names = ["a", "with, comma", 'with "quotes"', "sub/ünï"]
    subsets = {"r1f1": ["test", "", "train", "validation"], "r1f2": ["train", "test", "", "test"]}
    splits.write(tmp_path / "split.csv", names, subsets)
    assert splits.read(tmp_path / "split.csv") == (names, subsets)


def test_csv_round_trip_of_nothing(tmp_path):
    splits.write(tmp_path / "split.csv", [], {"all": []})
    assert splits.read(tmp_path / "split.csv") == ([], {"all": []})


def program(tmp_path, graphs: list, **parameters) -> dict[str, dict[str, str]]:
    """What the program writes for these microstructures: {fold: {microstructure: subset}}."""
    shards.write(tmp_path / "0.h5", graphs[::2])
    shards.write(tmp_path / "1.h5", graphs[1::2])
    settings = recipe(tmp_path / "recipe.json", **parameters)
    paths = {"graphs": [tmp_path / "0.h5", tmp_path / "1.h5"], "table": None, "out": tmp_path / "split.csv"}
    main(argparse.Namespace(recipe=settings, manifests=None, **paths))
    names, folds = splits.read(tmp_path / "split.csv")
    assert names == sorted(one.name for one in graphs)
    return {fold: dict(zip(names, subsets, strict=True)) for fold, subsets in folds.items()}


@every_method
def test_the_program_keeps_groups_together(tmp_path, settings):
    graphs = [replace(microstructure(f"m{i:02d}", i), group=f"map {i // 3}") for i in range(24)]
    for subset_of in program(tmp_path, graphs, **settings).values():
        assert all(subset_of[f"m{i:02d}"] == subset_of[f"m{i // 3 * 3:02d}"] for i in range(24))


def test_the_program_stratifies_by_the_growth_of_the_candidate(tmp_path):
    graphs = [microstructure(f"m{i:02d}", i) for i in range(16)]
    for i, one in enumerate(graphs):
        one.areas[0][-1, one.candidate_index] = i * one.areas[0][0, one.candidate_index]
    for subset_of in program(tmp_path, graphs, **METHODS["stratified"]).values():
        assert [int(name[1:]) // 4 for name, subset in subset_of.items() if subset == "test"] == [0, 1, 2, 3]


@every_method
def test_training_fractions_leave_nested_training_data_and_the_other_subsets_alone(settings):
    group_of = maps(400)
    shares = (1, 0.5, 0.1)
    by_fraction = {share: split_groups(group_of, {**settings, "train_fraction": share}) for share in shares}
    for fold, whole in by_fraction[1].items():
        larger = {group for group, subset in whole.items() if subset == "train"}
        for fraction, by_fold in by_fraction.items():
            others = {group: subset for group, subset in by_fold[fold].items() if subset not in ("train", "")}
            assert others == {group: subset for group, subset in whole.items() if subset != "train"}
            left = {group for group, subset in by_fold[fold].items() if subset == "train"}
            assert left <= larger and abs(len(left) - fraction * sum(s == "train" for s in whole.values())) < 40
            larger = left
    folds = [
        frozenset(g for g, subset in by_fold.items() if subset == "train") for by_fold in by_fraction[0.1].values()
    ]
    assert len(set(folds)) == len(folds)  # each fold learns from others
