"""The card of a trained model says what its files say."""

import argparse
import json
from pathlib import Path

import pytest

from graincast.experiment.targets import ABNORMAL
from graincast.files import csv_table
from graincast.prediction import trained_model
from scripts import model_card
from tests.tracked import experiment_of
from tests.unit.test_predict import root  # noqa: F401  # a fixture


def card_of(folder: Path, out: Path, ceiling: Path | None = None) -> str:
    model_card.main(
        argparse.Namespace(
            recipe=None,
            model=folder / "model.h5",
            metrics=folder / "test_metrics.json",
            trials=folder / "trials.csv",
            ceiling=ceiling,
            extensions=[],
            out=out / "MODEL_CARD.md",
        )
    )
    return (out / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_the_card_holds_results_ranges_and_how_to_load(root, tmp_path):  # noqa: F811
    folder = experiment_of(root)
    text = card_of(folder, tmp_path)
    about = trained_model.describe(folder / "model.h5")
    outcome = json.loads((folder / "test_metrics.json").read_text())["thresholds"]["2"]
    low, high = outcome["test_interval"]["auc"] or (0, 0)
    assert f"| AUC | {outcome['test']['auc']:.3f} | {low:.3f} to {high:.3f} |" in text
    assert about["target"]["kind"] == ABNORMAL and "exceeds 2 times its initial one" in text
    assert about["fingerprint"] in text and f"{outcome['test_groups']} groups" in text
    ranges = trained_model.load(folder / "model.h5").ranges["nodes"]
    for name, (smallest, largest) in zip(about["features"]["nodes"], ranges, strict=True):
        assert f"| {name} | grain | {smallest:.6g} | {largest:.6g} |" in text
    assert "Distance of neighbouring sites: 0.5 to 0.5 µm." in text
    assert "graincast predict --model one " in text and "graincast.load(" in text
    assert all(package in text for package in about["requirements"])
    for caution in outcome["cautions"]:
        assert caution in text
    assert f"among {len(csv_table.records(folder / 'trials.csv'))} trials" in text
    assert "noise ceiling" not in text.lower()


@pytest.mark.parametrize(
    ("ceiling", "said"),
    [
        ({"why_none": "fewer than 10 states have two growth runs or more"}, "No noise ceiling: fewer than 10 states"),
        (
            {"thresholds": {"2": {"single_run": {"auc": {"value": 0.9, "interval": [0.8, 0.95]}}}}, "r2": {}},
            "AUC 0.900 (0.800 to 0.950)",
        ),
        ({"thresholds": {}, "r2": {}}, "Test results"),
    ],
)
def test_the_ceiling_stands_beside_the_results(root, tmp_path, ceiling, said):  # noqa: F811
    path = tmp_path / "ceiling.json"
    path.write_text(json.dumps(ceiling))
    assert said in card_of(experiment_of(root), tmp_path, path)


def test_of_the_same_files_it_is_the_same(root, tmp_path):  # noqa: F811
    assert card_of(experiment_of(root), tmp_path) == card_of(experiment_of(root), tmp_path)
