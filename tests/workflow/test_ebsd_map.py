"""Each command of docs/ebsd-map.md, on a small map that this test makes and with fewer simulations."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.spatial.transform import Rotation

from tests.ebsd_files import write_cpr
from tests.maps import made_labels
from tests.workflow import checkout

pytest.importorskip("defdap", reason="DefDAP is not installed")

PAGE = checkout.PROJECT / "docs" / "ebsd-map.md"
COMMANDS = re.findall(r"^```bash\n(.*?)```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A checkout with a smaller configuration, and raw data beside it: a map of 60 x 70 points."""
    root = tmp_path_factory.mktemp("ebsd")
    folder = checkout.copy_project(root / "checkout")
    path = folder / "config" / "maps.yaml"
    config = yaml.safe_load(path.read_text())
    config["datasets"]["builtin"]["simulate"] |= {"microstructures": 30, "batch": 15, "size": 40}
    config["datasets"]["builtin"]["simulate"] |= {"initial": {"time": 10}, "growth": {"time": 8000}}
    path.write_text(yaml.safe_dump(config))
    experiment = folder / "config" / "experiments" / "maps-sgc.yaml"
    text = experiment.read_text().replace("threshold: [8]", "threshold: [1.5]").replace("3000", "100")
    experiment.write_text(text)
    (root / "raw" / "maps").mkdir(parents=True)
    labels = made_labels(60, 70, 25)
    rotations = Rotation.random(int(labels.max()) + 1, random_state=np.random.default_rng(0)).as_quat()
    write_cpr(root / "raw" / "maps" / "ni-superalloy.cpr", rotations[labels], np.ones_like(labels), step=0.25)
    return folder


def run(folder: Path, command: str) -> str:
    """The output of a command that finds raw data beside the folder."""
    return checkout.as_written(folder, command, RAW_DATA_ROOT=str(folder.parent / "raw"))


def test_the_page_leads_from_a_map_to_probabilities(folder):
    assert len(COMMANDS) == 3
    train, predict, configured = COMMANDS
    run(folder, train)
    said = run(folder, predict)
    out = folder / "predictions"
    with (out / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows and all(0 <= float(one["probability_abnormal"]) <= 1 for one in rows)
    assert not any(one["border"] == "true" for one in rows)  # interior candidates
    names = {path.name for path in out.iterdir()}
    assert names == {"predictions.csv", "rejected.csv"} | {
        f"ni-superalloy.cpr.{suffix}" for suffix in ("grains.csv", "png", "xdmf", "h5")
    }
    assert f"{len(rows)} candidates of 1 maps predicted" in said

    models = folder / "results/experiments/maps-sgc/model.h5"
    before = models.stat().st_mtime_ns
    run(folder, configured)
    kept = folder / "results/predictions/superalloy"
    assert (kept / "predictions.csv").read_bytes() == (out / "predictions.csv").read_bytes()
    again = run(folder, configured)
    assert "everything is up to date" in again
    assert models.stat().st_mtime_ns == before


def test_an_absent_model_is_one_line_and_nothing_is_trained(folder):
    config = yaml.safe_load((folder / "config/maps.yaml").read_text())
    config["predictions"]["superalloy"]["model"] = "nobody"
    (folder / "config/absent.yaml").write_text(yaml.safe_dump(config))
    environment = {"RAW_DATA_ROOT": str(folder.parent / "raw")}
    arguments = ("--workflow-profile", "profiles/default", "--configfile", "config/absent.yaml")
    done = checkout.run(folder, "results/predictions/superalloy", *arguments, **environment)
    assert done.returncode != 0
    assert "model nobody: results/experiments/nobody/model.h5 is not there; train the experiment first" in done.stdout
    assert "rule train" not in done.stdout
    assert not (folder / "results/predictions/superalloy").is_dir() or not done.stdout.count("Traceback")


def test_a_missing_map_matters_only_to_its_prediction(folder):
    config = yaml.safe_load((folder / "config/maps.yaml").read_text())
    config["predictions"]["superalloy"]["path"] = "$RAW_DATA_ROOT/maps/none.cpr"
    (folder / "config/missing.yaml").write_text(yaml.safe_dump(config))
    environment = {"RAW_DATA_ROOT": str(folder.parent / "raw")}
    arguments = ("--workflow-profile", "profiles/default", "--configfile", "config/missing.yaml", "-n")
    assert checkout.run(folder, *arguments, **environment).returncode == 0
    done = checkout.run(folder, "results/predictions/superalloy", *arguments, **environment)
    assert done.returncode != 0
    assert "predictions.superalloy.path: no file or folder" in done.stdout
