"""Every published experiment, small: from raw data to tested models, figures and tables, in one run each."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from graincast.vision import table as vision_table
from tests.synthetic import write_images
from tests.workflow import checkout

SMOKE = "config/smoke/config.yaml"
EXPERIMENTS = yaml.safe_load((checkout.PROJECT / SMOKE).read_text())["experiments"]
SENT = ("smoke-sgc-feature-ablation", "smoke-gat-regression", "smoke-gat-normal-growth")
"""Experiments that are logged to MLflow: the kinds that the small configuration of the other tests has not."""
TARGETS = (
    "results/tracking/store",
    "results/comparison.png",
    *(f"results/datasets/smoke/encoders/{name}.figures" for name in ("pca", "autoencoder")),
    *(
        f"results/datasets/{name}/{file}"
        for name in ("smoke", "smoke-normal")
        for file in ("checked.json", "summary.csv")
    ),
    *(f"results/experiments/{name}/{file}" for name in EXPERIMENTS for file in ("figures", "MODEL_CARD.md")),
    *(f"results/experiments/{name}/sent.json" for name in SENT),
)
FIRST_METRIC = {"abnormal": "accuracy", "growth-ratio": "r2", "label": "accuracy"}
"""The metric that orders the comparison, for each kind of target."""


@pytest.fixture(scope="module")
def smoke(tmp_path_factory) -> Path:
    """A checkout in which all small experiments have run, and some are logged, as that takes half as long again."""
    folder = checkout.copy_project(tmp_path_factory.mktemp("published") / "checkout")
    ran = checkout.run(folder, *TARGETS, "--configfile", SMOKE, RAW_DATA_ROOT="")
    assert ran.returncode == 0, ran.stdout
    return folder


@pytest.fixture(scope="module")
def run_counts(smoke) -> dict[str, int]:
    """How often each job has run: one line per run in its benchmark file."""
    root = smoke / "results/benchmarks"
    files = root.rglob("*.jsonl")
    return {str(file.relative_to(root).with_suffix("")): len(file.read_text().splitlines()) for file in files}


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def metrics_of(folder: Path, experiment: str) -> dict:
    return json.loads((folder / "results/experiments" / experiment / "test_metrics.json").read_text())


def figure_files(folder: Path, experiment: str) -> set[str]:
    return {path.name for path in (folder / "results/experiments" / experiment / "figures").iterdir()}


def predictions(folder: Path, experiment: str, threshold: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """True and predicted values of one threshold, by subset, as predictions.csv lists them."""
    rows = table(folder / "results/experiments" / experiment / "predictions.csv")
    values = {subset: [] for subset in ("train", "validation", "test")}
    for row in rows:
        if row["threshold"] == threshold:
            *_, true, predicted = row.values()
            values[row["subset"]].append((float(true), float(predicted)))
    return {subset: tuple(np.array(pairs).T) for subset, pairs in values.items()}


def thresholds(folder: Path, kind: str):
    """The experiment, threshold and test metrics of every result of a kind of target."""
    for experiment in EXPERIMENTS:
        result = metrics_of(folder, experiment)
        if result["target"]["kind"] == kind:
            for threshold, outcome in result["thresholds"].items():
                yield experiment, threshold, outcome["test"]


def assert_is_picture(path: Path) -> None:
    with Image.open(path) as picture:
        low, high = picture.convert("L").getextrema()
    assert high - low > 100, f"{path} is nearly of one colour"


# ---- The whole run


def test_every_job_ran_once(smoke, run_counts):
    assert checkout.stale(smoke, *TARGETS, "--configfile", SMOKE) == set()
    assert {f"evaluate/{experiment}" for experiment in EXPERIMENTS} <= run_counts.keys()
    assert {name for name in run_counts if name.startswith("encoder/")} == {
        "encoder/smoke/pca",
        "encoder/smoke/autoencoder",
    }
    assert {name for name in run_counts if name.startswith("log_experiment/")} == {
        f"log_experiment/{name}" for name in SENT
    }
    assert set(run_counts.values()) == {1}


def test_the_comparison_holds_the_test_metrics_of_every_experiment(smoke):
    rows = table(smoke / "results/comparison.csv")
    expected = {(name, threshold) for name in EXPERIMENTS for threshold in metrics_of(smoke, name)["thresholds"]}
    assert {(row["experiment"], row["threshold"]) for row in rows} == expected
    assert len(rows) == len(expected)
    for row in rows:
        result = metrics_of(smoke, row["experiment"])
        outcome = result["thresholds"][row["threshold"]]
        assert row["target"] == result["target"]["kind"]
        assert int(row["folds"]) == len(outcome["test_by_fold"])
        assert int(row["test_predictions"]) == outcome["test"]["count"]
        assert row["chosen_trial"] == outcome["chosen_trial"]
        compared = outcome["test"].keys() & row.keys()
        assert FIRST_METRIC[row["target"]] in compared
        for metric in compared:
            value = outcome["test"][metric]
            assert row[metric] == ("" if value is None else f"{value:.6g}"), (row["experiment"], metric)


def test_the_comparison_lists_the_best_first(smoke):
    groups: dict[tuple, list[float]] = {}
    for row in table(smoke / "results/comparison.csv"):
        key = (row["dataset"], row["target"], row["threshold"])
        groups.setdefault(key, []).append(float(row[FIRST_METRIC[row["target"]]]))
    assert max(map(len, groups.values())) > 2
    for scores in groups.values():
        assert scores == sorted(scores, reverse=True)


def test_every_figure_is_a_picture_of_more_than_one_colour(smoke):
    figures = sorted((smoke / "results").glob("experiments/*/figures/*.png"))
    encoders = sorted((smoke / "results").glob("datasets/*/encoders/*.figures/*.png"))
    assert {path.parents[1].name for path in figures} == set(EXPERIMENTS)
    assert {path.parent.name for path in encoders} == {"pca.figures", "autoencoder.figures"}
    for path in [*figures, *encoders, smoke / "results/comparison.png"]:
        assert_is_picture(path)


# ---- Test metrics


def test_recorded_metrics_of_abnormal_growth_are_those_of_the_predictions(smoke):
    recorded = list(thresholds(smoke, "abnormal"))
    assert len(recorded) > 5
    for experiment, threshold, test in recorded:
        by_subset = predictions(smoke, experiment, threshold)
        abnormal, predicted = by_subset["test"][0] == 1, by_subset["test"][1] > 0.5
        counts = {
            "count": abnormal.size,
            "count_abnormal": abnormal.sum(),
            "true_abnormal": (abnormal & predicted).sum(),
            "false_abnormal": (~abnormal & predicted).sum(),
            "false_normal": (abnormal & ~predicted).sum(),
            "true_normal": (~abnormal & ~predicted).sum(),
        }
        assert {name: test[name] for name in counts} == counts, experiment
        assert test["accuracy"] == pytest.approx((abnormal == predicted).mean())
        majority = by_subset["train"][0].mean() > 0.5
        assert test["majority_class_accuracy"] == pytest.approx((abnormal == majority).mean())


def test_the_classification_report_counts_what_the_metrics_count(smoke):
    for experiment, threshold, test in thresholds(smoke, "abnormal"):
        suffix = f"_t{threshold}"
        assert f"confusion_matrix{suffix}.png" in figure_files(smoke, experiment)
        folder = smoke / f"results/experiments/{experiment}/figures"
        report = {row["class"]: row for row in table(folder / f"classification_report{suffix}.csv")}
        assert int(report["abnormal"]["count"]) == test["count_abnormal"]
        assert int(report["normal"]["count"]) == test["count"] - test["count_abnormal"]
        for column, metric in (("precision", "precision_abnormal"), ("recall", "recall_abnormal")):
            assert float(report["abnormal"][column]) == pytest.approx(test[metric] or 0, abs=1e-5)


def test_recorded_metrics_of_growth_ratios_are_those_of_the_predictions(smoke):
    recorded = list(thresholds(smoke, "growth-ratio"))
    assert {name for name, *_ in recorded} == {
        "smoke-sgc-regression",
        "smoke-gat-regression",
        "smoke-gat-normal-growth",
    }
    for experiment, threshold, test in recorded:
        assert "predicted_against_true.png" in figure_files(smoke, experiment)
        by_subset = predictions(smoke, experiment, threshold)
        true, predicted = by_subset["test"]
        assert test["count"] == true.size
        assert test["mae"] == pytest.approx(np.abs(true - predicted).mean(), rel=1e-6)
        assert test["r2"] == pytest.approx(1 - ((true - predicted) ** 2).mean() / true.var(), rel=1e-5)
        mean_of_training = by_subset["train"][0].mean()
        assert test["mean_prediction_mae"] == pytest.approx(np.abs(true - mean_of_training).mean(), rel=1e-6)


# ---- Single experiments


def test_ablation_trains_every_subset_of_features_in_one_job(smoke, run_counts):
    experiment = smoke / "results/experiments/smoke-sgc-feature-ablation"
    subsets = table(experiment / "figures/feature_subsets.csv")
    assert len(subsets) == len({row["features"] for row in subsets}) == 7 + 21
    assert [path.name for path in (experiment / "trials").iterdir()] == ["all"]
    assert run_counts["train/smoke-sgc-feature-ablation/all"] == 1
    assert "feature_importance_t2.png" in figure_files(smoke, "smoke-sgc-feature-ablation")
    scores = [float(row["validation_accuracy"]) for row in subsets]
    assert scores == sorted(scores, reverse=True)


def test_normal_growth_predicts_every_grain(smoke):
    rows = table(smoke / "results/experiments/smoke-gat-normal-growth/predictions.csv")
    summary = table(smoke / "results/datasets/smoke-normal/summary.csv")
    assert len(rows) == sum(int(row["grains"]) for row in summary)
    for microstructure in summary:
        grains = [int(row["grain"]) for row in rows if row["microstructure"] == microstructure["microstructure"]]
        assert grains == list(range(int(microstructure["grains"])))


def test_random_weights_are_named_in_every_result(smoke):
    features = vision_table.read(smoke / "results/datasets/smoke/features/vgg16-random.h5")
    assert "random weights" in features.network
    assert metrics_of(smoke, "smoke-vision")["network"] == features.network
    networks = {row["experiment"]: row["network"] for row in table(smoke / "results/comparison.csv")}
    assert networks.pop("smoke-vision") == features.network
    assert set(networks.values()) == {""}


# ---- Further runs in the same checkout


def test_finished_runs_are_compared_without_training(smoke, tmp_path):
    for name in ("smoke-gat", "smoke-sgc-repeats"):
        shutil.copytree(smoke / "results/experiments" / name, tmp_path / name)
    metrics = [str(path) for path in sorted(tmp_path.glob("*/test_metrics.json"))]
    ceilings = [str(path) for path in sorted((smoke / "results/datasets").glob("*/ceiling.json"))]
    given = ["--metrics", *metrics, "--ceilings", *ceilings, "--out", str(tmp_path / "chosen.csv")]
    compared = checkout.program(smoke, "compare", *given)
    assert compared.returncode == 0, compared.stdout
    in_both = table(smoke / "results/comparison.csv")
    expected = [row for row in in_both if row["experiment"] in ("smoke-gat", "smoke-sgc-repeats")]
    for row, former in zip(table(tmp_path / "chosen.csv"), expected, strict=True):
        assert row == former | {key: row[key] for key in row if key.startswith(("reference", "difference"))}
    arguments = ["--comparison", str(tmp_path / "chosen.csv"), "--experiments", "smoke-gat"]
    drawn = checkout.program(smoke, "comparison_figure", *arguments, "--out", str(tmp_path / "chosen.png"))
    assert drawn.returncode == 0, drawn.stdout
    assert_is_picture(tmp_path / "chosen.png")
    arguments[-1] = "gat"
    refused = checkout.program(smoke, "comparison_figure", *arguments, "--out", str(tmp_path / "absent.png"))
    assert refused.returncode == 1
    assert "has no experiment gat (it has smoke-gat, smoke-sgc-repeats)" in refused.stdout


def test_graphs_are_exported(smoke):
    target = "results/datasets/smoke/deepspparks-json"
    ran = checkout.run(smoke, target, "--configfile", SMOKE)
    assert ran.returncode == 0, ran.stdout
    summary = table(smoke / "results/datasets/smoke/summary.csv")
    exported = (path.relative_to(smoke / target).with_suffix("") for path in (smoke / target).rglob("*.json"))
    assert sorted(map(str, exported)) == sorted(row["microstructure"] for row in summary)


# ---- Labelled images


def test_labelled_images_are_classified(tmp_path):
    folder = checkout.copy_project(tmp_path / "checkout")
    write_images(tmp_path / "images")
    (tmp_path / "images/Cr_99.bmp").write_bytes(b"BM broken")
    figures = "results/experiments/smoke-neu-cls/figures"
    ran = checkout.run(folder, figures, "--configfile", "config/smoke/neu-cls.yaml", RAW_DATA_ROOT=str(tmp_path))
    assert ran.returncode == 0, ran.stdout
    result = metrics_of(folder, "smoke-neu-cls")
    assert result["classes"] == ["Cr", "PS", "Sc"]
    test = result["thresholds"][""]["test"]
    assert test["count"] == 36
    assert test["accuracy"] > 0.9
    true, predicted = predictions(folder, "smoke-neu-cls", "")["test"]
    assert true.size == 36
    assert test["accuracy"] == pytest.approx((true == predicted).mean())
    report = table(folder / "results/experiments/smoke-neu-cls/figures/classification_report.csv")
    assert {row["class"]: int(row["count"]) for row in report} == {"Cr": 12, "PS": 12, "Sc": 12}
    assert_is_picture(folder / "results/experiments/smoke-neu-cls/figures/confusion_matrix.png")
    assert "Cr_99" in (folder / "results/datasets/images/features/vgg16-random.rejected.csv").read_text()
