"""The resolved configuration of an experiment is one file that runs as it is."""

from pathlib import Path

import pytest

from graincast.configuration.load import load
from graincast.configuration.resolved import as_text, resolved
from graincast.configuration.yaml_file import read
from graincast.planning.plan import Plan
from tests.workflow import small

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "config").rglob("*.yaml") if path.name != "schema.yaml")
CONFIGURATIONS = [path for path in FILES if path.parent.name not in ("experiments", "data")]


def assert_runs_alike(file: Path, tmp_path: Path) -> None:
    """Each experiment of a configuration, resolved, is loaded as it is and trains and tests the same."""
    config = load(read(file), file)
    plan = Plan(config)
    for name in config["experiments"]:
        alone = tmp_path / f"{name}.yaml"
        alone.write_text(as_text(resolved(config, name, plan.extensions)), encoding="utf-8")
        again = load(read(alone), alone)
        assert again["experiments"][name] == config["experiments"][name]
        other = Plan(again)
        assert other.training_jobs(name) == plan.training_jobs(name)
        assert other.mlflow_context(name) == plan.mlflow_context(name)
        one = config["experiments"][name]
        used = [one["dataset"], *one["also_train_on"]]
        assert again["datasets"] == {dataset: config["datasets"][dataset] for dataset in used}
        assert other.split_settings(one["split"]) == plan.split_settings(one["split"])


@pytest.mark.parametrize("file", CONFIGURATIONS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_configuration_resolves_to_files_that_run_alike(file, tmp_path):
    assert_runs_alike(file, tmp_path)


def test_defaults_that_would_be_refused_if_written_are_left_out(tmp_path):
    small.write_configuration(tmp_path)
    made = tmp_path / "experiments/made.yaml"
    made.write_text(small.MADE.replace("evaluate_every: 10", "").replace("iterations: 20,", "iterations: 20"))
    config = tmp_path / "small.yaml"
    config.write_text(
        small.CONFIG.replace("red_fraction: 0.3", "mobility: uniform").replace("balance: 2", "balance: 1")
    )
    assert_runs_alike(config, tmp_path)
