"""The configurations of the published graphs and of SPPARKS runs, as the repository has them, from end to end."""

import csv
import json

import pytest

from tests.workflow import checkout


@pytest.fixture
def ran(tmp_path, raw_data):
    """ran(config): a checkout in which that configuration has run."""

    def run(config: str):
        folder = checkout.copy_project(tmp_path / "checkout")
        done = checkout.run(folder, "--configfile", config, RAW_DATA_ROOT=str(raw_data.resolve()))
        assert done.returncode == 0, done.stdout
        return folder

    return run


def rows(path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_published_graphs(ran):
    """Plain SGC over repeated 5-fold is where it was measured before, and the area of red grains lifts it."""
    folder = ran("config/deepspparks.yaml")
    summary = rows(folder / "results/datasets/deepspparks/summary.csv")
    assert len(summary) == 600 and not rows(folder / "results/datasets/deepspparks/rejected.csv")
    abnormal = sum(float(row["cgr_1"]) > 10 for row in summary) / 600
    assert 0.45 < abnormal < 0.6
    accuracy = {row["experiment"]: float(row["accuracy"]) for row in rows(folder / "results/comparison.csv")}
    assert 0.70 <= accuracy["deepspparks-sgc"] <= 0.75
    assert accuracy["deepspparks-sgc-red-area"] > accuracy["deepspparks-sgc"] + 0.02
    for name in accuracy:
        experiment = folder / "results/experiments" / name
        result = json.loads((experiment / "test_metrics.json").read_text())["thresholds"]["10"]
        assert result["test"]["count"] == 3000  # every microstructure once a repeat
        tested = rows(experiment / "predictions.csv")
        assert {row["subset"] for row in tested} == {"test"} and len(tested) == 3000
        assert {path.name for path in (experiment / "figures").glob("*.png")} == {
            "training_curves_t10.png",
            "confusion_matrix_t10.png",
            "accuracy_against_hops.png",
        }


def test_spparks_runs(ran):
    """Twelve states with five growth runs each, read from SPPARKS's own files."""
    folder = ran("config/spparks.yaml")
    summary = rows(folder / "results/datasets/spparks/summary.csv")
    assert len(summary) == 12 and all(row[f"cgr_{i}"] for row in summary for i in range(1, 6))
    assert len(rows(folder / "results/comparison.csv")) == 1
