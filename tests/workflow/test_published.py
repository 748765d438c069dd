"""Every published experiment, small: from raw data to tested models, figures and tables, in one run each."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.synthetic import write_images
from tests.workflow import checkout

SMOKE = "config/smoke/config.yaml"
EXPERIMENTS = yaml.safe_load((checkout.PROJECT / SMOKE).read_text())["experiments"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> tuple[Path, str]:
    """A checkout in which all small experiments have run, and what Snakemake printed."""
    folder = checkout.copy_project(tmp_path_factory.mktemp("published") / "checkout")
    done = checkout.run(folder, "--configfile", SMOKE, RAW_DATA_ROOT="")
    assert done.returncode == 0, done.stdout
    return folder, done.stdout


def table(path: Path) -> list[dict]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def result(folder: Path, name: str) -> dict:
    return json.loads((folder / "results/experiments" / name / "test_metrics.json").read_text())


def files(folder: Path, name: str) -> set[str]:
    return {path.name for path in (folder / "results/experiments" / name / "figures").iterdir()}


def test_all_have_results_and_stand_in_the_comparison(ran):
    folder, _ = ran
    rows = table(folder / "results/comparison.csv")
    assert {row["experiment"] for row in rows} == set(EXPERIMENTS)
    for row in rows:
        assert float(row["r2" if row["target"] == "growth-ratio" else "accuracy"]) <= 1
    assert (folder / "results/comparison.png").stat().st_size > 10_000


def test_nothing_runs_twice(ran):
    assert checkout.stale(ran[0], "--configfile", SMOKE) == set()


def test_every_abnormal_experiment_has_its_matrix_and_report(ran):
    folder, _ = ran
    for name in EXPERIMENTS:
        found = result(folder, name)
        if found["target"]["kind"] == "abnormal":
            for threshold, of in found["thresholds"].items():
                report = table(folder / f"results/experiments/{name}/figures/classification_report_t{threshold}.csv")
                assert f"confusion_matrix_t{threshold}.png" in files(folder, name)
                assert sum(int(row["count"]) for row in report) == of["test"]["count"]
                (abnormal,) = [row for row in report if row["class"] == "abnormal"]
                if of["test"]["precision_abnormal"] is not None:
                    assert float(abnormal["precision"]) == pytest.approx(of["test"]["precision_abnormal"], abs=1e-5)


def test_ablation_trains_every_subset_once_in_one_job(ran):
    folder, _ = ran
    experiment = folder / "results/experiments/smoke-sgc-feature-ablation"
    subsets = table(experiment / "figures/feature_subsets.csv")
    assert len(subsets) == len({row["features"] for row in subsets}) == 7 + 21
    assert [path.name for path in (experiment / "trials").iterdir()] == ["all"]
    assert "feature_importance_t2.png" in files(folder, "smoke-sgc-feature-ablation")
    scores = [float(row["validation_accuracy"]) for row in subsets]
    assert scores == sorted(scores, reverse=True)


def test_regression_is_in_the_units_of_growth_ratios(ran):
    folder, _ = ran
    for name in ("smoke-sgc-regression", "smoke-gat-regression", "smoke-gat-normal-growth"):
        assert {"predicted_against_true.png"} <= files(folder, name)
        rows = table(folder / f"results/experiments/{name}/predictions.csv")
        true, predicted = (
            np.array([float(row[key]) for row in rows if row["subset"] == "test"])
            for key in ("growth_ratio", "predicted_growth_ratio")
        )
        test = result(folder, name)["thresholds"][""]["test"]
        assert test["mae"] == pytest.approx(np.abs(true - predicted).mean(), rel=1e-6)
        assert test["r2"] == pytest.approx(1 - ((true - predicted) ** 2).mean() / true.var(), rel=1e-5)


def test_normal_growth_predicts_every_grain(ran):
    folder, _ = ran
    rows = table(folder / "results/experiments/smoke-gat-normal-growth/predictions.csv")
    summary = table(folder / "results/datasets/smoke-normal/summary.csv")
    assert len(rows) == sum(int(row["grains"]) for row in summary)
    some = [row for row in rows if row["microstructure"] == summary[0]["microstructure"]]
    assert [int(row["grain"]) for row in some] == list(range(int(summary[0]["grains"])))


def test_random_weights_are_named_everywhere(ran):
    folder, output = ran
    assert "random" in result(folder, "smoke-vision")["network"]
    (row,) = [row for row in table(folder / "results/comparison.csv") if row["experiment"] == "smoke-vision"]
    assert "random weights" in row["network"]
    assert all("random weights" in line for line in output.splitlines() if line.startswith("smoke-vision "))
    others = [row["network"] for row in table(folder / "results/comparison.csv") if row["model"] != "svm"]
    assert set(others) == {""}


def test_encoders_are_trained_once(ran):
    _, output = ran
    jobs = [line for line in output.splitlines() if line.startswith("    output: results/datasets/smoke/encoders/")]
    trained = [line for line in jobs if "encoder.h5" in line]
    assert len(trained) == len(set(trained)) == 2
    assert {"smoke-gat-pca", "smoke-gat-autoencoder"} <= set(EXPERIMENTS)


def test_finished_runs_are_compared_without_training(ran, tmp_path):
    folder, _ = ran
    for name in ("smoke-gat", "smoke-sgc-repeats"):
        shutil.copytree(folder / "results/experiments" / name, tmp_path / name)
    metrics = [str(path) for path in sorted(tmp_path.glob("*/test_metrics.json"))]
    done = checkout.program(folder, "compare", "--metrics", *metrics, "--out", str(tmp_path / "chosen.csv"))
    assert done.returncode == 0, done.stdout
    assert {row["experiment"] for row in table(tmp_path / "chosen.csv")} == {"smoke-gat", "smoke-sgc-repeats"}
    arguments = ["--comparison", str(tmp_path / "chosen.csv"), "--experiments", "smoke-gat"]
    done = checkout.program(folder, "comparison_figure", *arguments, "--out", str(tmp_path / "chosen.png"))
    assert done.returncode == 0 and (tmp_path / "chosen.png").is_file(), done.stdout
    done = checkout.program(folder, "comparison_figure", *arguments[:-1], "gat", "--out", str(tmp_path / "no.png"))
    assert done.returncode == 1 and "has no experiment gat (it has smoke-gat, smoke-sgc-repeats)" in done.stdout


def test_labelled_images_are_told_apart(ran, tmp_path):
    folder, _ = ran
    write_images(tmp_path / "images")
    (tmp_path / "images/Cr_99.bmp").write_bytes(b"BM broken")
    done = checkout.run(folder, "--configfile", "config/smoke/neu-cls.yaml", RAW_DATA_ROOT=str(tmp_path))
    assert done.returncode == 0, done.stdout
    found = result(folder, "smoke-neu-cls")
    assert found["classes"] == ["Cr", "PS", "Sc"]
    assert found["thresholds"][""]["test"]["count"] == 36
    assert found["thresholds"][""]["test"]["accuracy"] > 0.9
    assert {"confusion_matrix.png", "classification_report.csv"} <= files(folder, "smoke-neu-cls")
    assert "Cr_99" in (folder / "results/datasets/images/features/vgg16-random.rejected.csv").read_text()


def test_graphs_are_exported(ran):
    folder, _ = ran
    target = "results/datasets/smoke/deepspparks-json"
    done = checkout.run(folder, target, "--configfile", SMOKE)
    assert done.returncode == 0, done.stdout
    assert len(list((folder / target).rglob("*.json"))) == 32
