"""The repository's configurations of the published graphs and of SPPARKS runs, from end to end."""

import csv
import json
import re

import pytest

from tests.workflow import checkout


@pytest.fixture
def ran(tmp_path, raw_data):
    """ran(config, targets): make files of a configuration in a new checkout, k-fold with two repeats; its folder.

    Records in MLflow and figures of comparisons are left out: tests of other configurations look at them.
    """

    def run(config: str, *targets: str):
        folder = checkout.copy_project(tmp_path / "checkout")
        text = (folder / config).read_text()
        (folder / config).write_text(re.sub("repeats: [0-9]+", "repeats: 2", text))
        finished = checkout.run(folder, *targets, "--configfile", config, RAW_DATA_ROOT=str(raw_data.resolve()))
        assert finished.returncode == 0, finished.stdout
        return folder

    return run


def rows(path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_sgc_on_published_graphs_reaches_its_known_accuracy_and_red_area_improves_it(ran):
    """Over repeated 5-fold cross-validation."""
    figures = (f"results/experiments/{name}/figures" for name in ("deepspparks-sgc", "deepspparks-sgc-red-area"))
    checked = "results/datasets/deepspparks/checked.json"
    folder = ran("config/deepspparks.yaml", checked, "results/comparison.csv", *figures)
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
        assert result["test"]["count"] == 1200  # every microstructure once per repeat
        tested = rows(experiment / "predictions.csv")
        assert {row["subset"] for row in tested} == {"test"} and len(tested) == 1200
        assert {path.name for path in (experiment / "figures").glob("*.png")} == {
            "training_curves_t10.png",
            "chosen_trial_t10.png",
            "reliability_t10.png",
            "roc_and_precision_recall_t10.png",
            "confusion_matrix_t10.png",
            "accuracy_against_propagation_steps.png",
        }


def test_the_spparks_configuration_reads_twelve_states_with_five_growth_runs_each(ran):
    folder = ran("config/spparks.yaml", "results/datasets/spparks/checked.json", "results/comparison.csv")
    summary = rows(folder / "results/datasets/spparks/summary.csv")
    assert len(summary) == 12 and all(row[f"cgr_{i}"] for row in summary for i in range(1, 6))
    assert len(rows(folder / "results/comparison.csv")) == 1
