"""Intervals of test metrics: coverage, what they depend on, and differences of paired experiments."""

import numpy as np
import pytest

from graincast.evaluation import intervals, metrics
from graincast.evaluation.intervals import FoldPredictions
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL


def fold(seed: int, groups: int, each: int = 2, kind: str = ABNORMAL, learned: int = 90) -> FoldPredictions:
    """Predictions of a model that knows a part of what makes a group's values alike."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(size=groups), each)
    known, luck = shared + 0.7 * rng.normal(size=shared.size), 0.7 * rng.normal(size=shared.size)
    group = np.repeat([f"g{i:05}" for i in range(groups)], each)
    if kind == GROWTH_RATIO:
        return FoldPredictions(shared + luck, 0.6 * known, group, learned)
    if kind == LABEL:
        true = np.digitize(shared + luck, [-0.5, 0.5])
        return FoldPredictions(true, -np.abs(known[:, None] - [-1, 0, 1]), group, learned)
    return FoldPredictions(shared + luck > 0, 1 / (1 + np.exp(-1.5 * known)), group, learned)


def reordered(of: FoldPredictions, order: np.ndarray) -> FoldPredictions:
    return FoldPredictions(of.true[order], of.predicted[order], of.group[order], of.learned)


@pytest.mark.parametrize(("kind", "groups"), [(ABNORMAL, 25), (ABNORMAL, 60), (GROWTH_RATIO, 40), (LABEL, 40)])
def test_an_interval_covers_the_truth_in_about_95_of_100_data_sets(kind, groups, monkeypatch):
    monkeypatch.setattr(intervals, "REPLICATES", 400)
    truth = {name: value for name, value in metrics.measure(kind, *of_many(kind)).items() if name in metrics.METRICS}
    truth.pop("ece", None)  # an absolute value, which few predictions make larger than it is
    found = [intervals.of_metrics(kind, [fold(seed, groups, kind=kind)]) for seed in range(150)]
    for name, value in truth.items():
        covered = np.mean([of[name] is not None and of[name][0] <= value <= of[name][1] for of in found])
        assert covered >= 0.89, (name, covered)  # .95 less 3 standard errors of .018, and a little for so few groups


def of_many(kind: str) -> tuple[np.ndarray, np.ndarray]:
    many = fold(999, 100_000, kind=kind)
    return many.true, many.predicted


@pytest.mark.parametrize("kind", [ABNORMAL, GROWTH_RATIO, LABEL])
def test_the_order_of_the_predictions_makes_no_difference(kind):
    of = fold(1, 30, kind=kind)
    shuffled = reordered(of, np.random.default_rng(0).permutation(len(of.true)))
    first, again = (intervals.of_metrics(kind, [one]) for one in (of, shuffled))
    for name in metrics.names(kind):
        assert first[name] == pytest.approx(again[name], rel=1e-9)
        assert first[name][0] < metrics.METRICS[name].function(of.true, of.predicted) < first[name][1]


def test_copies_within_groups_add_nothing_and_copies_as_other_groups_would():
    of = fold(1, 30)
    twice = FoldPredictions(*(np.concatenate([one, one]) for one in (of.true, of.predicted, of.group)), of.learned)
    first, again = intervals.of_metrics(ABNORMAL, [of]), intervals.of_metrics(ABNORMAL, [twice])
    for name in metrics.names(ABNORMAL):
        assert again[name] == pytest.approx(first[name], rel=1e-9)
    others = np.concatenate([of.group, np.char.add(of.group, "-copy")])
    apart = intervals.of_metrics(ABNORMAL, [FoldPredictions(twice.true, twice.predicted, others, of.learned)])
    assert np.diff(apart["accuracy"]) < 0.85 * np.diff(first["accuracy"])


def test_grains_of_one_group_are_drawn_together():
    alone, together = fold(1, 400, each=1), fold(1, 400, each=1)
    blocks = np.array([f"b{i // 40}" for i in np.argsort(np.argsort(together.true == (together.predicted > 0.5)))])
    together = FoldPredictions(together.true, together.predicted, blocks, together.learned)
    wide, narrow = (intervals.of_metrics(ABNORMAL, [of])["accuracy"] for of in (together, alone))
    assert np.diff(wide) > 2 * np.diff(narrow)


def test_one_group_has_no_interval_and_that_is_said():
    one = fold(1, 1, each=40)
    assert set(intervals.of_metrics(ABNORMAL, [one]).values()) == {None}
    assert intervals.method([one]) == "no interval: all test data stem from one source"
    assert intervals.method([fold(1, 12)]) == "bootstrap over 12 groups"


def test_a_few_right_predictions_are_not_certain_to_stay_right():
    true = np.arange(6) % 2 == 0
    sure = FoldPredictions(true, true.astype(float), np.array(list("abcdef")), 20)
    assert intervals.of_metrics(ABNORMAL, [sure])["accuracy"] is None


def repeated_folds(shift: float = 0.0, repeats: int = 3) -> list[FoldPredictions]:
    """Five folds of 50 groups, several times; `shift` makes the predictions worse."""
    found = []
    for repeat in range(repeats):
        whole, rng = fold(1, 50), np.random.default_rng(repeat)
        whole = FoldPredictions(whole.true, whole.predicted + 0.05 * rng.normal(size=100), whole.group, 40)
        parts = np.array_split(rng.permutation(50), 5)
        for part in parts:
            rows = np.isin(whole.group, [f"g{i:05}" for i in part])
            worse = np.abs(whole.predicted - shift * rng.random(100))
            found.append(FoldPredictions(whole.true[rows], worse[rows], whole.group[rows], 40))
    return found


def test_repeated_folds_have_the_interval_of_nadeau_and_bengio():
    folds = repeated_folds()
    values = np.array([np.mean(of.true == (of.predicted > 0.5)) for of in folds])
    half = 2.1447866879169273 * np.sqrt((1 / 15 + 10 / 40) * values.var(ddof=1))  # t of 14 degrees of freedom
    low, high = intervals.of_metrics(ABNORMAL, folds)["accuracy"]
    assert (low, high) == pytest.approx((values.mean() - half, min(1, values.mean() + half)))
    assert "15 folds of 50 groups" in intervals.method(folds)
    assert "bootstrap" in intervals.method(folds[:5])


def test_more_repeats_of_the_same_data_never_narrow_the_interval_to_nothing():
    few, many = (np.diff(intervals.of_metrics(ABNORMAL, repeated_folds(repeats=n))["accuracy"]) for n in (3, 30))
    assert many > 0.5 * few


def test_limits_stay_where_a_metric_can_be():
    for name, (low, high) in intervals.of_metrics(ABNORMAL, repeated_folds(repeats=2)).items():
        assert metrics.METRICS[name].limits[0] <= low <= high <= metrics.METRICS[name].limits[1]


@pytest.mark.parametrize("folds", [[fold(1, 30)], repeated_folds()], ids=["bootstrap", "corrected"])
def test_an_experiment_does_not_differ_from_itself(folds):
    assert intervals.of_difference(ABNORMAL, "accuracy", folds, folds) == (0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("a", "b"), [([fold(1, 60)], None), (repeated_folds(), repeated_folds(0.6))], ids=["bootstrap", "corrected"]
)
def test_a_paired_difference_is_narrower_than_its_parts_and_changes_its_sign_with_the_order(a, b):
    if b is None:
        flipped = np.where(np.arange(120) % 15 == 0, 1 - a[0].predicted, a[0].predicted)
        b = [FoldPredictions(a[0].true, flipped, a[0].group, a[0].learned)]
    difference, (low, high) = intervals.of_difference(ABNORMAL, "accuracy", a, b)
    backward, (below, above) = intervals.of_difference(ABNORMAL, "accuracy", b, a)
    assert (backward, below, above) == pytest.approx((-difference, -high, -low))
    assert low <= difference <= high
    widths = [np.diff(intervals.of_metrics(ABNORMAL, folds)["accuracy"])[0] for folds in (a, b)]
    assert high - low < np.hypot(*widths)


def test_many_grains_are_drawn_in_parts_with_the_same_result(monkeypatch):
    of = fold(3, 50)
    whole = intervals.of_metrics(ABNORMAL, [of])
    monkeypatch.setattr(intervals, "CELLS", 1000)
    assert intervals.of_metrics(ABNORMAL, [of]) == whole
