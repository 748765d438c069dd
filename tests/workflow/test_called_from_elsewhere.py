"""Ways to call the workflow: from other folders, with several configuration files, with overrides and odd paths."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow import checkout, small


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("called")
    folder = checkout.copy_project(root / "project")
    small.write_raw_data(root / "raw")
    small.write_configuration(folder / "config")
    return folder


@pytest.fixture(autouse=True)
def raw_data_root(project, monkeypatch):
    monkeypatch.setenv("RAW_DATA_ROOT", str(project.parent / "raw"))


def dry_run(cwd: Path, *arguments: str) -> str:
    """The output of a dry run that succeeds."""
    ran = checkout.run(cwd, "--dry-run", *arguments)
    assert ran.returncode == 0, ran.stdout
    return ran.stdout


def test_a_snakefile_is_run_from_another_folder(project, tmp_path):
    called = ("--snakefile", str(project / "Snakefile"), "--configfile", str(project / "config/small.yaml"))
    (tmp_path / "here").mkdir()
    for cwd, arguments in ((tmp_path / "here", ()), (tmp_path, ("--directory", "there"))):
        assert "train:made/all" in checkout.jobs(dry_run(cwd, *called, *arguments))
    assert (tmp_path / "here/results/recipes").is_dir() and (tmp_path / "there/results/recipes").is_dir()


def test_programs_are_found_from_another_folder(project, tmp_path):
    called = ("--snakefile", str(project / "Snakefile"), "--configfile", str(project / "config/small.yaml"))
    ran = checkout.run(tmp_path, "results/datasets/given/graphs/0000.h5", *called)
    assert ran.returncode == 0, ran.stdout
    assert (tmp_path / "results/datasets/given/graphs/0000.h5").is_file()


def test_numbers_within_an_override_and_experiments_beside_each_of_two_files(project):
    other = project / "mine/more.yaml"
    (other.parent / "experiments").mkdir(parents=True)
    (other.parent / "experiments/extra.yaml").write_text(small.MADE)
    other.write_text("experiments: [made, extra]\n")
    files = ("--configfile", "config/small.yaml", "mine/more.yaml")
    output = dry_run(project, *files, "--config", 'tracking={"timeout": 30}')
    assert {"train:made/all", "train:extra/all"} <= checkout.jobs(output)
    assert '"timeout": 30' in dry_run(project, *files, "--config", 'tracking={"timeout": 30}', "--printshellcmds")


def test_make_takes_a_configuration_with_a_space_in_its_name(project):
    folder = project / "my configurations"
    shutil.copytree(project / "config/experiments", folder / "experiments")
    shutil.copy(project / "config/small.yaml", folder / "small one.yaml")
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").symlink_to(sys.executable)
    (project / ".venv/.ready-cpu").touch()
    command = ["make", "CONFIG=my configurations/small one.yaml", "ARGS=--dry-run"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(command, cwd=project, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "train:made/all" in checkout.jobs(ran.stdout + ran.stderr)


@pytest.mark.parametrize(
    ("configured", "exported", "message"),
    [
        ("sqlite:///store", "", "tracking.store: store is a folder; name a file, such as store/mlflow.db"),
        ("store", "", "tracking.store: 'store' is no database or server"),
        ("sqlite:///results/mlflow.db", "./store", "MLFLOW_TRACKING_URI: './store' is no database or server"),
    ],
)
def test_a_store_that_is_a_folder_is_refused_before_any_job(project, monkeypatch, configured, exported, message):
    (project / "store").mkdir(exist_ok=True)
    if exported:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", exported)
    ran = checkout.run(
        project, "--configfile", "config/small.yaml", "--config", f'tracking={{"store": "{configured}"}}'
    )
    assert ran.returncode != 0
    assert message in ran.stdout and 'File "' not in ran.stdout
    assert not (project / "results/logs").exists()
