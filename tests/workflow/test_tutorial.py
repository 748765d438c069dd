"""Each command of docs/tutorial.md, in order, with fewer and smaller microstructures and shorter training."""

import csv
import re
from pathlib import Path

import pytest
import yaml

from tests.workflow import checkout

PAGE = checkout.PROJECT / "docs" / "tutorial.md"
BLOCKS = re.findall(r"^```(bash|yaml|python)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
SMALLER = {"threshold: [8]": "threshold: [1.5]", "iterations: 1000": "iterations: 50", "epochs: 20": "epochs: 3"}
"""What the test has in place of the page's values."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A checkout whose default configuration is smaller."""
    folder = checkout.copy_project(tmp_path_factory.mktemp("tutorial") / "checkout")
    path = folder / "config" / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["datasets"]["builtin"]["simulate"] |= {"microstructures": 40, "batch": 20, "size": 40}
    config["datasets"]["builtin"]["simulate"] |= {"initial": {"time": 10}, "growth": {"time": 8000}}
    config["experiments"] = ["sgc"]
    path.write_text(yaml.safe_dump(config))
    experiment = folder / "config" / "experiments" / "sgc.yaml"
    experiment.write_text(experiment.read_text().replace("[8]", "[1.5]").replace("3000", "50"))
    return folder


def write(folder: Path, block: str) -> None:
    """Write a file of the page, whose name is its first line."""
    path = folder / block.partition("\n")[0].removeprefix("# ")
    for there, here in SMALLER.items():
        block = block.replace(there, here)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_leads_from_make_to_a_model_of_ones_own(folder):
    said = {}
    for language, block in BLOCKS:
        if language != "bash":
            write(folder, block)
            continue
        for command in block.splitlines():
            said.setdefault(command, []).append(checkout.as_written(folder, command))

    assert (folder / "pictures/run-000001.graph.png").is_file()
    assert rows(folder / "results/datasets/mine/rejected.csv") == []
    assert len(rows(folder / "results/datasets/mine/summary.csv")) == 40
    first, second = said["make plan CONFIG=config/mine.yaml"]
    assert "data set mine" in first
    assert "experiment mine-red" in second and "shards of graphs" not in second

    compared = {row["experiment"]: row for row in rows(folder / "results/comparison.csv")}
    assert set(compared) == {"sgc", "mine", "mine-red", "mine-neighbours", "mine-sage"}
    for name in ("mine", "mine-red", "mine-neighbours", "mine-sage"):
        assert (compared[name]["folds"], compared[name]["test_predictions"]) == ("5", "40")
        assert compared[name]["reference"] == "mine"

    (predicted,) = rows(folder / "predictions/predictions.csv")
    assert 0 < float(predicted["probability_abnormal"]) < 1
    assert float(predicted["spread"]) > 0
