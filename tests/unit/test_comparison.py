"""The table of experiments' test results: its columns, its order, and what is printed of it."""

import argparse
import json
from pathlib import Path

from graincast.evaluation import metrics
from graincast.files import csv_table
from scripts import compare, where

BEST_FIRST = {"good": 0.9, "poor": -0.5, "undefined": None}


def result(folder: Path, experiment: str, r2: float | None) -> Path:
    """test_metrics.json of an experiment on growth ratios."""
    test = dict.fromkeys(metrics.names("growth-ratio"), 1.5) | {"r2": r2, "count": 7, "mean_prediction_mae": 4.0}
    outcome = {
        "test": test,
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
    compare.main(argparse.Namespace(metrics=paths, out=folder / "comparison.csv"))
    return csv_table.records(folder / "comparison.csv")


def test_the_best_is_first_and_an_undefined_result_last(tmp_path):
    assert [row["experiment"] for row in compared(tmp_path)] == list(BEST_FIRST)


def test_every_metric_is_a_column(tmp_path):
    row = compared(tmp_path)[0]
    assert [name for name in row if name in metrics.METRICS] == list(metrics.METRICS)
    for name in metrics.METRICS:
        assert bool(row[name]) == (name in metrics.names("growth-ratio"))


def test_main_metrics_and_the_baseline_are_printed(tmp_path):
    first, *_, last = map(where.shown, compared(tmp_path))
    baseline = "mean absolute error of predicting the mean 4.000"
    assert first == f"R² 0.900, mean absolute error 1.500, {baseline}"
    assert last == f"R² undefined, mean absolute error 1.500, {baseline}"
