"""What raw data make impossible is said by the planner, with the configuration's file and key, before anything runs."""

import pytest

from graincast.configuration.load import load
from graincast.configuration.yaml_file import read
from graincast.microstructure import BadInput
from graincast.planning.plan import Plan
from graincast.planning.raw_data import RawData
from tests.synthetic import write_folder, write_images

CONFIG = """\
experiments:
  one: {dataset: given, split: divided, features: grain-properties, model: sgc, target: {threshold: [2]}}
datasets:
  given: {source: deepspparks-json, path: raw, shards: 2}
splits:
  divided: {method: k-fold, folds: 3}
"""
VISION_ONLY = """\
experiments:
  one: {dataset: given, split: divided, features: random, model: svm, target: {kind: label}}
datasets:
  given: {source: labelled-images, path: raw, shards: 2}
splits:
  divided: {method: fractions}
vision_sets:
  random: {size: 32, network: {random: 0}}
"""


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    (tmp_path / "results/datasets").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def scan(project, text):
    """Scan the raw data of a configuration."""
    file = project / "config.yaml"
    file.write_text(text)
    RawData(Plan(load(read(file), "config.yaml")), "config.yaml").scan()


@pytest.mark.parametrize("path", ["results", ".", "raw/../results", "linked"])
def test_raw_data_are_not_the_results(project, path):
    (project / "raw").mkdir()
    (project / "linked").symlink_to("results")
    with pytest.raises(BadInput) as refused:
        scan(project, CONFIG.replace("path: raw", f"path: {path}"))
    assert str(refused.value).startswith("config.yaml: datasets.given.path: ")
    assert str(refused.value).endswith(" holds the results of this workflow; name a folder of raw data")


def test_more_folds_than_usable_raw_files_are_refused(project):
    write_folder(project / "raw", 4)
    (project / "raw/twin.json").write_bytes((project / "raw/run-00.json").read_bytes())
    scan(project, CONFIG.replace("folds: 3", "folds: 4"))
    with pytest.raises(BadInput) as refused:
        scan(project, CONFIG.replace("folds: 3", "folds: 5"))
    assert str(refused.value) == (
        "config.yaml: splits.divided.folds: 5 folds, but datasets.given has 4 usable raw files or runs; "
        "use fewer folds or more data"
    )


def test_a_split_with_an_endless_field_is_refused(project):
    write_folder(project / "raw", 4)
    (project / "split.csv").write_text(f"microstructure,split\n{'x' * 200_000},train\n")
    with pytest.raises(
        BadInput, match=r"config\.yaml: splits\.divided\.path: split\.csv: .*field larger than field limit"
    ):
        scan(project, CONFIG.replace("method: k-fold, folds: 3", "method: file, path: split.csv"))


def test_a_configuration_of_images_alone_needs_no_feature_sets(project):
    write_images(project / "raw")
    scan(project, VISION_ONLY)
    assert (project / "results/datasets/given/raw/0001.json").is_file()


def test_raw_files_with_the_longest_possible_names_are_listed(project):
    write_folder(project / "raw", 3)
    long = "x" * 250 + ".json"
    (project / "raw/run-00.json").rename(project / "raw" / long)
    scan(project, CONFIG)
    listed = "".join(path.read_text() for path in (project / "results/datasets/given/raw").glob("0*.json"))
    assert long in listed


def test_results_that_cannot_be_written_are_not_blamed_on_the_raw_data(project):
    write_folder(project / "raw", 3)
    (project / "results/datasets/given").touch()
    with pytest.raises(OSError) as failed:
        scan(project, CONFIG)
    assert failed.value.filename and "results/datasets/given" in str(failed.value.filename)
