"""The noise ceiling: intervals that cover a known truth, limits, and what changes nothing."""

import argparse
import json

import numpy as np
import pytest

from graincast.evaluation import ceiling
from graincast.evaluation.ceiling import Repeats
from graincast.files import csv_table
from scripts import ceiling as program
from scripts import compare


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(ceiling, "REPLICATES", 200)


def states(above: np.ndarray, runs: int) -> Repeats:
    """States of which so many runs end above 1."""
    ratios = [np.repeat([2.0, 0.5], [k, runs - k]) for k in above]
    return Repeats(ratios, [f"s{i:04}" for i in range(len(above))])


def truth(p: np.ndarray) -> dict[str, float]:
    """What knowing p reaches, by its definition."""
    ordered = np.sort(p)
    below = np.cumsum(1 - ordered) - (1 - ordered) / 2
    return {
        "accuracy": np.maximum(p, 1 - p).mean(),
        "auc": (ordered * below).sum() / (ordered.sum() * (1 - ordered).sum()),
        "brier": (p * (1 - p)).mean(),
    }


def coverage(a: float, b: float, runs: int, count: int, data_sets: int) -> dict[str, float]:
    """The share of simulated data sets whose interval covers the truth."""
    rng = np.random.default_rng(0)
    expected = truth(rng.beta(a, b, 400_000))
    covered = dict.fromkeys(expected, 0)
    for _ in range(data_sets):
        found = ceiling.of_threshold(states(rng.binomial(runs, rng.beta(a, b, count)), runs), 1)["single_run"]
        for name, value in expected.items():
            low, high = found[name]["interval"]
            covered[name] += low <= value <= high
    return {name: number / data_sets for name, number in covered.items()}


def test_intervals_cover_the_truth(monkeypatch):
    monkeypatch.setattr(ceiling, "REPLICATES", 100)
    assert min(coverage(0.4, 0.4, 5, 40, 30).values()) >= 0.85


@pytest.mark.long
@pytest.mark.parametrize(
    ("a", "b", "runs", "count"), [(0.35, 0.35, 5, 40), (1, 1.5, 3, 80), (2, 2, 2, 150), (0.5, 1, 8, 25)]
)
def test_intervals_cover_the_truth_in_about_95_of_100_data_sets(a, b, runs, count, monkeypatch):
    monkeypatch.setattr(ceiling, "REPLICATES", 300)
    assert min(coverage(a, b, runs, count, 200).values()) >= 0.90


def test_the_counts_of_the_published_kind():
    above = np.repeat([0, 1, 2, 3, 4, 5], [8, 1, 2, 1, 2, 8])  # 22 states, five runs each
    one, several = (ceiling.of_threshold(states(above, 5), 1)[name] for name in ("single_run", "repeats"))
    assert one["accuracy"]["value"] == pytest.approx(0.90, abs=0.015)
    assert 0.80 < one["accuracy"]["interval"][0] < 0.86
    assert several["accuracy"]["value"] > one["accuracy"]["value"]
    assert several["brier"]["value"] < one["brier"]["value"]


def test_runs_that_agree_leave_no_noise_and_runs_like_coins_leave_nothing_else():
    sure = ceiling.of_threshold(states(np.repeat([0, 5], 30), 5), 1)["single_run"]
    assert sure["accuracy"]["value"] > 0.99 and sure["auc"]["value"] > 0.99 and sure["brier"]["value"] < 0.01
    coins = ceiling.of_threshold(states(np.random.default_rng(0).binomial(20, 0.5, 300), 20), 1)["single_run"]
    assert coins["accuracy"]["value"] < 0.55 and coins["brier"]["value"] == pytest.approx(0.25, abs=0.01)


def test_few_repeats_do_not_raise_the_ceiling():
    rng = np.random.default_rng(1)
    p = rng.beta(2, 2, 3000)
    for runs in (2, 10):
        found = ceiling.of_threshold(states(rng.binomial(runs, p), runs), 1)["single_run"]["accuracy"]["value"]
        assert found == pytest.approx(truth(p)["accuracy"], abs=0.02)


def test_the_order_of_states_changes_nothing_and_candidates_of_one_map_widen_the_interval():
    above = np.random.default_rng(2).binomial(4, np.random.default_rng(3).beta(0.5, 0.5, 60))
    apart = states(above, 4)
    order = np.random.default_rng(4).permutation(60)
    mixed = Repeats([apart.ratios[i] for i in order], [apart.group[i] for i in order])
    first = ceiling.of_threshold(apart, 1)
    assert ceiling.of_threshold(mixed, 1) == first
    maps = Repeats(sorted(apart.ratios, key=np.sum), [f"m{i // 10}" for i in range(60)])
    wide, narrow = (ceiling.of_threshold(of, 1)["single_run"]["majority_class_accuracy"] for of in (maps, apart))
    assert np.diff(wide["interval"]) > 1.5 * np.diff(narrow["interval"])


def test_the_best_r2_is_the_part_of_the_variance_between_states():
    rng = np.random.default_rng(5)
    ratios = [10 + 2 * rng.normal() + rng.normal(size=n) for n in rng.integers(2, 5, 2000)]
    found = ceiling.of_ratio(Repeats(ratios, [f"s{i:04}" for i in range(2000)]))
    assert found["single_run"]["value"] == pytest.approx(4 / 5, abs=0.02)
    assert found["repeats"]["value"] == pytest.approx(4 / (4 + 1 / 3), abs=0.02)
    assert found["single_run"]["interval"][0] < 0.8 < found["single_run"]["interval"][1]


def test_the_share_goes_from_the_majority_class_to_the_ceiling():
    assert [ceiling.share(value, 0.5, 0.9) for value in (0.5, 0.7, 0.9)] == pytest.approx([0, 0.5, 1])
    assert ceiling.share(0.9, 0.9, 0.905) is None


def made(folder, runs: int) -> dict:
    """ceiling.json of a data set of 30 states."""
    rng = np.random.default_rng(6)
    rows = [[f"m{i}", 9, *(f"{value:.6g}" for value in rng.uniform(0, 2) + rng.uniform(0, 1, runs))] for i in range(30)]
    csv_table.write(folder / "summary.csv", ["microstructure", "grains", *(f"cgr_{n}" for n in range(runs))], rows)
    recipe = argparse.Namespace(take=lambda *keys: {"thresholds": [1.5]})
    paths = {"summary": folder / "summary.csv", "out": folder / "ceiling.json", "figure": folder / "ceiling.png"}
    program.main(argparse.Namespace(recipe=recipe, name="d", **paths))
    assert (folder / "ceiling.png").stat().st_size > 1000
    return json.loads((folder / "ceiling.json").read_text())


def test_a_data_set_without_repeats_has_no_ceiling_and_says_so(tmp_path, capsys):
    assert made(tmp_path, 1)["why_none"] == "fewer than 10 states have two growth runs or more"
    assert "d: no noise ceiling: fewer than" in capsys.readouterr().out


def test_a_label_of_several_runs_has_the_ceiling_of_repeats(tmp_path):
    found = made(tmp_path, 4)
    row = {"target": "abnormal", "threshold": 1.5, "accuracy": 0.7, "majority_class_accuracy": 0.5}
    columns = compare.ceiling_of(row, {"aggregate": "mean", "grains": "candidate"}, found)
    best = found["thresholds"]["1.5"]["repeats"]["accuracy"]["value"]
    assert (columns["ceiling"], columns["ceiling_of"]) == (best, "majority of 4 runs")
    assert columns["share_of_ceiling"] == pytest.approx(0.2 / (best - 0.5))
    for target in ({"aggregate": "max", "grains": "candidate"}, {"aggregate": "mean", "grains": "all"}):
        assert set(compare.ceiling_of(row, target, found).values()) == {""}
    elsewhere = compare.ceiling_of(row | {"threshold": 9.0}, {"aggregate": "mean", "grains": "candidate"}, found)
    assert set(elsewhere.values()) == {""}
