"""Bad input never stops the rest and never passes silently; too much of it is an error."""

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from graincast.raw.dream3d import FEATURE_IDS
from graincast.raw.spparks_writing import write_initial, write_stats
from tests.synthetic import graph, voronoi, write_folder
from tests.workflow import checkout

CONFIG = """\
experiments: [graphs, folders]
datasets:
  graphs: {{source: deepspparks-json, path: $RAW_DATA_ROOT/json, shards: 2, max_rejected: {fraction}}}
  folders: {{source: spparks, path: $RAW_DATA_ROOT/spparks, shards: 2, max_rejected: {fraction}}}
splits:
  held-out: {{method: fractions}}
feature_sets:
  plain: [type, area]
"""
EXPERIMENT = """\
dataset: {name}
split: held-out
features: plain
model: sgc
target: {{threshold: [2]}}
"""
TARGETS = [
    f"results/datasets/{name}/{file}"
    for name in ("graphs", "folders")
    for file in ("features/plain.h5", "checked.json")
]


USED = {"graphs": 6, "folders": 2}
"""How many raw runs of each data set are sound."""


def damaged_graphs(folder: Path) -> dict[str, str]:
    """Write six sound graphs and one with each kind of damage; return words of each expected reason."""
    write_folder(folder, 6)
    sound = json.dumps(graph(50))
    reasons = {}

    def damage(name: str, reason: str, edit) -> None:
        document = json.loads(sound)
        edit(document)
        (folder / f"{name}.json").write_text(json.dumps(document))
        reasons[name] = reason

    damage("none", "candidate", lambda d: d["nodes"]["1"].update(grain_type=1))
    damage("two", "candidate", lambda d: d["nodes"]["2"].update(grain_type=0))
    damage("mask", "mask", lambda d: d["nodes"]["3"]["rle"].update(size=[30, 30]))
    damage("absent", "edge", lambda d: d["edges"].update({"(1, 77)": {}}))
    damage("zero", "area", lambda d: d["nodes"]["1"].update(grain_size=[[0, 5]]))
    (folder / "truncated.json").write_text(sound[: len(sound) // 2])
    (folder / "twin.json").write_bytes((folder / "run-00.json").read_bytes())
    return reasons | {"truncated": "JSON", "twin": "the same content as run-00"}


def run_folder(folder: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = voronoi(24, 9, rng)
    types = np.r_[0, 0, rng.integers(1, 3, labels.max() - 1)]
    area = np.bincount(labels.ravel())
    write_initial(folder / "spparks_init/initial.dream3d", labels, types, 0.5)
    write_stats(folder / "spparks_results/run_1/stats.h5", np.array([0.0, 1.0]), np.stack([area, area]))


def damaged_folders(folder: Path) -> dict[str, str]:
    """The same for SPPARKS run folders."""
    names = ("good-1", "good-2", "cut", "missing", "version")
    for seed, name in enumerate(names):
        run_folder(folder / name, seed)
    cut = folder / "cut/spparks_results/run_1/stats.h5"
    cut.write_bytes(cut.read_bytes()[:700])
    with h5py.File(folder / "missing/spparks_init/initial.dream3d", "a") as file:
        del file[FEATURE_IDS]
    with h5py.File(folder / "version/spparks_init/initial.dream3d", "a") as file:
        file.attrs["FileVersion"] = np.bytes_("7.0")
    return {"cut": "stats.h5", "missing": "FeatureIds", "version": "7.0"}


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    root = tmp_path_factory.mktemp("damaged")
    folder = checkout.copy_project(root / "checkout")
    expected = {
        "graphs": damaged_graphs(root / "raw/json"),
        "folders": damaged_folders(root / "raw/spparks"),
    }
    for name in expected:
        (folder / f"config/experiments/{name}.yaml").write_text(EXPERIMENT.format(name=name))
    return folder, expected


def test_bad_files_are_rejected_with_reasons_and_too_many_stop_the_run(damaged):
    folder, expected = damaged
    config, raw = folder / "config/damaged.yaml", str(folder.parent / "raw")
    config.write_text(CONFIG.format(fraction=0.05))
    refused = checkout.run(folder, *TARGETS, "--configfile", str(config), RAW_DATA_ROOT=raw)
    assert refused.returncode != 0
    for name, reasons in expected.items():
        with (folder / f"results/datasets/{name}/rejected.csv").open() as file:
            rejected = {row["file"]: row["reason"] for row in csv.DictReader(file)}
        assert rejected.keys() == reasons.keys()
        for run, words in reasons.items():
            assert words in rejected[run], rejected[run]
        assert refused.stdout.count(f"{name}: {len(reasons)} of {len(reasons) + USED[name]} rejected") == 1
        assert f"datasets.{name}.max_rejected; results/datasets/{name}/rejected.csv has the reasons" in refused.stdout
        assert not (folder / f"results/datasets/{name}/features/plain.h5").exists()

    config.write_text(CONFIG.format(fraction=0.7))
    accepted = checkout.run(folder, *TARGETS, "--configfile", str(config), RAW_DATA_ROOT=raw)
    assert accepted.returncode == 0, accepted.stdout
    assert checkout.jobs(accepted.stdout) == {
        f"{step}:{name}" for step in ("check_rejected", "features") for name in ("graphs", "folders")
    } - {"features:graphs", "features:folders"} | {"features:graphs/plain", "features:folders/plain"}
    checked = json.loads((folder / "results/datasets/graphs/checked.json").read_text())
    assert checked == {"used": USED["graphs"], "rejected": 7}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "max_rejectd: 0.1",
            "config/wrong.yaml: datasets.graphs: unknown key 'max_rejectd'; did you mean 'max_rejected'",
        ),
        ("source: spparks", "datasets.graphs: no raw data in "),
        ("hops: two", "config/wrong.yaml: datasets.graphs.hops: 'two'"),
        ("shards: 0", "config/wrong.yaml: datasets.graphs.shards: 0 is less than the minimum of 1"),
        (
            "source: sparks",
            "'sparks' is none of deepspparks-json, spparks, simulate, ",
        ),
        ("path: $NOT_SET_ANYWHERE/x", "datasets.graphs.path: the environment variable NOT_SET_ANYWHERE is not set"),
        ("path: /nowhere/at/all", "datasets.graphs.path: no folder /nowhere/at/all"),
    ],
)
def test_a_wrong_configuration_stops_before_any_job(damaged, monkeypatch, text, words):
    folder, _ = damaged
    monkeypatch.setenv("RAW_DATA_ROOT", str(folder.parent / "raw"))
    key, _, value = text.partition(": ")
    body = {"source": "deepspparks-json", "path": "$RAW_DATA_ROOT/json"} | {key: value}
    dataset = "{" + ", ".join(f"{k}: {v}" for k, v in body.items()) + "}"
    lines = CONFIG.format(fraction=0.05).splitlines()
    lines[2] = f"  graphs: {dataset}"
    (folder / "config/wrong.yaml").write_text("\n".join(lines) + "\n")
    code, output = checkout.dry_run(folder, "--configfile", "config/wrong.yaml")
    assert code != 0
    assert words in output, output
    assert not checkout.jobs(output)
