"""Values from the command line, several configuration files, and names that YAML misreads."""

import pytest
import yaml

from graincast.configuration.errors import ConfigError
from graincast.configuration.load import load
from graincast.configuration.overrides import parsed
from graincast.configuration.yaml_file import read
from tests.workflow import small

BILLION_LAUGHS = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))


@pytest.fixture
def file(tmp_path):
    small.write_configuration(tmp_path)
    return tmp_path / "small.yaml"


def test_numbers_within_an_override_are_read_as_numbers(file):
    """As Snakemake hands over --config 'tracking={"timeout": 30}' 'splits={"folds": {"folds": 3}}'."""
    content = read(file)
    content["tracking"] = {"timeout": "30"}
    content["splits"]["folds"]["folds"] = "3"
    content["feature_sets"]["mine"] = "[type, area]"
    config = load(content, file)
    assert config["tracking"]["timeout"] == 30
    assert config["splits"]["folds"]["folds"] == 3
    assert config["feature_sets"]["mine"]["nodes"] == ["type", "area"]


def test_text_in_a_file_stays_text(file):
    file.write_text(file.read_text() + 'tracking: {timeout: "30"}\n')
    with pytest.raises(ConfigError, match=r"tracking\.timeout: '30' is not a number; YAML reads it as text, write 30"):
        load(read(file), file)
    assert parsed({"a": {"b": "1"}, "c": "2"}, [{"a": {"b": "1"}}]) == {"a": {"b": "1"}, "c": 2}


def test_experiments_are_found_beside_each_of_several_files(file, tmp_path):
    other = tmp_path / "mine" / "more.yaml"
    (other.parent / "experiments").mkdir(parents=True)
    (other.parent / "experiments" / "extra.yaml").write_text(small.MADE)
    other.write_text("experiments: [made, extra]\ndevice: cpu\n")
    merged = {**read(file), **read(other)}
    config = load(merged, other, file)
    assert list(config["experiments"]) == ["made", "extra"]
    assert config["experiments"]["made"] == config["experiments"]["extra"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("  held-out:", "  no:"), r"splits: YAML reads a name as false \(no, off\); put it in quotes"),
        (("  held-out:", "  7:"), "splits: YAML reads a name as 7; put it in quotes"),
        (("experiments: [made", "experiments: [on"), "experiments.0: true is not text; YAML reads yes, no, on and off"),
    ],
)
def test_a_name_that_yaml_misreads_is_explained(file, edit, message):
    file.write_text(file.read_text().replace(*edit))
    with pytest.raises(ConfigError, match=message) as caught:
        load(read(file), file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 3000, "nested too deeply"),
        (BILLION_LAUGHS, "aliases"),
        ("a: &a [*a]", "holds more than"),
    ],
    ids=["deep", "billion laughs", "itself"],
)
def test_yaml_that_would_exhaust_the_machine_is_refused(tmp_path, text, message):
    path = tmp_path / "hostile.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_what_snakemake_read_of_such_yaml_is_refused_too(file):
    with pytest.raises(ConfigError, match="aliases"):
        load(yaml.safe_load(BILLION_LAUGHS), file)


def test_more_folds_than_simulated_states_are_refused_before_anything_runs(file):
    content = read(file)
    content["splits"]["held-out"] = {"method": "k-fold", "folds": 25}
    with pytest.raises(ConfigError, match=r"held-out has 25 folds, but datasets\.made has 24 microstructures"):
        load(content, file)
