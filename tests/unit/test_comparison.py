"""The table of experiments' test results: its columns, its order, and what is printed of it."""

import argparse
import json
from pathlib import Path

import pytest

from graincast.evaluation import metrics
from graincast.evaluation.testing import header
from graincast.files import csv_table
from graincast.report.results import Results
from scripts import compare, where

BEST_FIRST = {"good": 0.9, "poor": -0.5, "undefined": None}


def result(folder: Path, experiment: str, r2: float | None) -> Path:
    """test_metrics.json of an experiment on growth ratios."""
    test = dict.fromkeys(metrics.names("growth-ratio"), 1.5) | {"r2": r2, "count": 7, "mean_prediction_mae": 4.0}
    outcome = {
        "test": test,
        "test_interval": {"r2": None if r2 is None else [r2 - 0.1, r2 + 0.05], "mae": None},
        "interval_method": "bootstrap over 7 groups",
        "test_groups": 7,
        "test_std_over_folds": {"r2": None},
        "test_by_fold": {"all": {}},
        "cautions": ["only 4 test predictions"],
        "chosen_trial": "t",
    }
    about = dict.fromkeys(compare.ABOUT, None) | {"dataset": "d", "experiment": experiment}
    path = folder / f"{experiment}.json"
    content = {**about, "target": {"kind": "growth-ratio"}, "thresholds": {"": outcome}}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def compared(folder: Path) -> list[dict[str, str]]:
    paths = [result(folder, name, r2) for name, r2 in reversed(BEST_FIRST.items())]
    written = {"out": folder / "comparison.csv", "leaderboard": folder / "leaderboard.csv"}
    compare.main(argparse.Namespace(metrics=paths, reference="sgc", ceilings=[], **written))
    return csv_table.records(folder / "comparison.csv")


def test_the_best_is_first_and_an_undefined_result_last(tmp_path):
    assert [row["experiment"] for row in compared(tmp_path)] == list(BEST_FIRST)


def test_every_metric_is_a_column(tmp_path):
    row = compared(tmp_path)[0]
    assert [name for name in row if name in metrics.METRICS] == list(metrics.METRICS)
    for name in metrics.METRICS:
        assert bool(row[name]) == (name in metrics.names("growth-ratio"))


def test_main_metrics_and_the_baseline_are_printed(tmp_path):
    first, *_, last = compared(tmp_path)
    assert where.result(first) == "R² 0.900 (0.800 to 0.950), mean absolute error 1.500"
    assert where.result(last) == "R² undefined, mean absolute error 1.500"
    assert where.beside(first) == "mean absolute error of predicting the mean 4.000, chosen t"


def test_the_printed_table_says_what_is_new_how_much_was_tested_and_rejected(tmp_path):
    compared(tmp_path)
    folder = tmp_path / "datasets/d"
    csv_table.write(folder / "rejected.csv", ["file", "reason"], [["a.json", "not a graph"]])
    csv_table.write(folder / "summary.csv", ["microstructure"], [["m1"], ["m2"]])
    header, *lines = where.table(Results(tmp_path), ["good"])
    assert header.split() == ["experiment", "target", "n", "rejected", "result", "(95", "%", "interval)"]
    good, poor = (next(line for line in lines if line.startswith(name)) for name in ("good", "poor"))
    assert good.split()[:7] == ["good", "new", "growth-ratio", "7", "1", "of", "3"]
    assert poor.split()[:3] == ["poor", "growth-ratio", "7"]
    assert good.index("R²") == poor.index("R²") == header.index("result")
    assert lines.count("    caution: only 4 test predictions") == len(BEST_FIRST)


def test_rejected_input_that_is_not_known_is_no_number(tmp_path):
    compared(tmp_path)
    assert "?" in where.table(Results(tmp_path), [])[1].split()


def test_an_interval_stands_beside_its_metric(tmp_path):
    first, *_, last = compared(tmp_path)
    assert (first["r2"], first["r2_low"], first["r2_high"], first["mae_low"]) == ("0.9", "0.8", "0.95", "")
    assert (last["r2_low"], first["interval_method"]) == ("", "bootstrap over 7 groups")


def outcome(folder: Path, experiment: str, wrong: int, microstructures: int = 40) -> Path:
    """The results of an experiment whose first predictions are wrong."""
    (folder / experiment).mkdir()
    path = result(folder / experiment, experiment, 0.5)
    content = json.loads(path.read_text())
    at_threshold = content["thresholds"].pop("")
    at_threshold["test"] = dict.fromkeys(metrics.names("abnormal"), 0.5) | {"accuracy": 1 - wrong / 40, "count": 40}
    at_threshold |= {"test_interval": {}, "test_std_over_folds": {"accuracy": None}}
    content |= {"target": {"kind": "abnormal"}, "thresholds": {"8": at_threshold}}
    content |= {"groups": {"all": {"train": 60, "validation": 20, "test": microstructures}}}
    path.write_text(json.dumps(content))
    rows = [
        (f"m{i}", f"g{i // 2}", "", "8", "all", "test", "t", i % 2, i % 2 ^ (i < wrong)) for i in range(microstructures)
    ]
    csv_table.write(folder / experiment / "predictions.csv", header("abnormal"), rows)
    return path


def differences(folder: Path, *paths: Path, reference: str = "sgc") -> dict[str, dict[str, str]]:
    written = {"out": folder / "comparison.csv", "leaderboard": folder / "leaderboard.csv"}
    compare.main(argparse.Namespace(metrics=paths, reference=reference, ceilings=[], **written))
    return {row["experiment"]: row for row in csv_table.records(folder / "comparison.csv")}


def test_the_difference_to_the_reference_is_paired(tmp_path):
    rows = differences(
        tmp_path, outcome(tmp_path, "own-sgc", 12), outcome(tmp_path, "better", 4), outcome(tmp_path, "same", 12)
    )
    assert {row["reference"] for row in rows.values()} == {"own-sgc"}
    for name in ("own-sgc", "same"):
        assert [float(rows[name][f"difference{end}"]) for end in ("", "_low", "_high")] == [0, 0, 0]
    low, difference, high = (float(rows["better"][f"difference{end}"]) for end in ("_low", "", "_high"))
    assert difference == pytest.approx(0.2) and 0 < low < difference < high
    assert f"+0.200 ({low:+.3f} to {high:+.3f}) against own-sgc" in where.beside(rows["better"])
    assert "against" not in where.beside(rows["own-sgc"])


def test_other_test_data_and_other_references_have_no_difference(tmp_path):
    paths = outcome(tmp_path, "sgc", 12), outcome(tmp_path, "fewer", 4, 38)
    assert differences(tmp_path, *paths)["fewer"]["difference"] == ""
    assert differences(tmp_path, *paths, reference="gat")["sgc"]["reference"] == ""
    (tmp_path / "fewer/predictions.csv").unlink()
    assert differences(tmp_path, *paths)["fewer"]["difference"] == ""
