"""Splits: they depend on names alone, their subsets are disjoint, and CSV files are exact."""

import itertools
from collections import Counter

import pytest

from graincast.experiment import splits

NAMES = [f"run-{i:04d}" for i in range(1000)]
METHODS = {
    "fractions": {"method": "fractions", "validation": 0.2, "test": 0.3, "seed": 3},
    "k-fold": {"method": "k-fold", "folds": 4, "repeats": 2, "validation": 0.25, "seed": 3},
}


@pytest.mark.parametrize("split", METHODS.values(), ids=METHODS)
def test_adding_names_moves_no_other_name(split):
    few = splits.subsets_by_fold(NAMES[::3], split)
    many = splits.subsets_by_fold([*NAMES[::-1], "another"], split)
    assert list(few) == list(many)
    for fold in few:
        subset_of = dict(zip([*NAMES[::-1], "another"], many[fold], strict=True))
        assert few[fold] == [subset_of[name] for name in NAMES[::3]]


@pytest.mark.parametrize("split", METHODS.values(), ids=METHODS)
def test_the_seed_changes_the_split(split):
    assert splits.subsets_by_fold(NAMES, split) == splits.subsets_by_fold(NAMES, dict(split))
    other = splits.subsets_by_fold(NAMES, {**split, "seed": 4})
    for fold, subsets in splits.subsets_by_fold(NAMES, split).items():
        assert 0.2 < sum(a != b for a, b in zip(subsets, other[fold], strict=True)) / len(NAMES) < 0.8


def test_fractions_are_met():
    count = Counter(splits.subsets_by_fold(NAMES, METHODS["fractions"])["all"])
    assert set(count) == set(splits.SUBSETS)
    # four standard deviations of a binomial of 1,000
    assert abs(count["validation"] - 200) < 51
    assert abs(count["test"] - 300) < 58


def test_folds_test_each_name_once_per_repeat():
    folds = splits.subsets_by_fold(NAMES, METHODS["k-fold"])
    assert list(folds) == [f"r{repeat}f{fold}" for repeat in (1, 2) for fold in (1, 2, 3, 4)]
    for repeat in "12":
        columns = [folds[f"r{repeat}f{fold}"] for fold in "1234"]
        for subsets in zip(*columns, strict=True):
            assert Counter(subsets)["test"] == 1
        for subsets in columns:
            count = Counter(subsets)
            assert abs(count["test"] - 250) < 55
            assert abs(count["validation"] / (count["validation"] + count["train"]) - 0.25) < 0.064


def test_repeats_differ_and_adding_repeats_changes_none():
    split = METHODS["k-fold"]
    folds = splits.subsets_by_fold(NAMES, split)
    tested = [
        {name for name, subset in zip(NAMES, subsets, strict=True) if subset == "test"} for subsets in folds.values()
    ]
    for a, b in itertools.combinations(tested, 2):
        assert len(a & b) < 100  # 1/16 of the names is expected across repeats
    longer = splits.subsets_by_fold(NAMES, {**split, "repeats": 5})
    assert {name: longer[name] for name in folds} == folds


def test_validation_names_are_held_out_in_every_fold_that_does_not_test_them():
    folds = splits.subsets_by_fold(NAMES, METHODS["k-fold"])
    for subsets in zip(*(folds[f"r1f{fold}"] for fold in "1234"), strict=True):
        assert len({subset for subset in subsets if subset != "test"}) == 1


def table(tmp_path, text):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_given_table_is_followed(tmp_path):
    text = "split,note,microstructure\ntrain,x,a\nval,,b.json\nvalidation,,sub/c\ntest,,gone\ntest,,d\ntest,,d\n"
    subsets = splits.subsets_by_fold(["d", "a", "b", "sub/c", "e"], {"method": "file"}, table(tmp_path, text))
    assert subsets == {"all": ["test", "train", "validation", "validation", ""]}


def test_a_byte_order_mark_is_ignored(tmp_path):
    subsets = splits.by_table(["a"], table(tmp_path, "\ufeffmicrostructure,split\na,test\n"))
    assert subsets == {"all": ["test"]}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,split\na,train\n", r"needs one column microstructure and one column split, has \['name', 'split'\]"),
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
        splits.by_table(["a", "b"], path)


def test_csv_round_trip(tmp_path):
    names = ["a", "with, comma", 'with "quotes"', "sub/ünï"]
    subsets = {"r1f1": ["test", "", "train", "validation"], "r1f2": ["train", "test", "", "test"]}
    splits.write(tmp_path / "split.csv", names, subsets)
    assert splits.read(tmp_path / "split.csv") == (names, subsets)


def test_csv_round_trip_of_nothing(tmp_path):
    splits.write(tmp_path / "split.csv", [], {"all": []})
    assert splits.read(tmp_path / "split.csv") == ([], {"all": []})
