"""graincast as a module of another workflow: it runs there, with that workflow's folder and configuration."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflow import checkout
from tests.workflow.test_torture import TORTURED

USED = """\
configfile: "config/config.yaml"

module graincast:
    snakefile: "{snakefile}"
    config: config

use rule * from graincast

rule own:
    input: "results/comparison.csv"
    output: "own.txt"
    shell: "head -n 1 {{input}} > {{output}}"
"""

DEPLOYED = """\
from snakemake.utils import min_version


min_version("6.10.0")


configfile: "config/config.yaml"


# declare {repository} as a module
module graincast:
    snakefile:
        "{snakefile}"
    config:
        config


# use all rules from {repository}
use rule * from graincast
"""
"""What snakedeploy 0.17.1 writes to workflow/Snakefile, beside copies of config/ and profiles/."""


@pytest.fixture
def folder(tmp_path) -> Path:
    """A workflow that uses graincast, which lies elsewhere, as a module."""
    project = checkout.copy_project(tmp_path / "graincast")
    using = tmp_path / "using"
    (using / "config").mkdir(parents=True)
    (using / "config/config.yaml").write_text(TORTURED)
    (using / "Snakefile").write_text(USED.format(snakefile=project / "Snakefile"))
    return using


def test_it_runs_in_the_folder_of_the_workflow_that_uses_it(folder):
    ran = checkout.run(folder, "own", "all", "--rerun-triggers", "mtime", "input")
    assert ran.returncode == 0, ran.stdout
    assert (folder / "own.txt").read_text().startswith("dataset,experiment,")
    assert not (folder.parent / "graincast/results").exists()
    again = checkout.run(folder, "own", "all", "--dry-run", "--rerun-triggers", "mtime", "input")
    assert "Nothing to be done" in again.stdout


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("config: config", 'config: config\n    prefix: "x"'), "graincast finds results by their paths: no prefix"),
        (
            ("from graincast", "from graincast as g_*"),
            "graincast finds its rules by their names: write `use rule * from",
        ),
    ],
)
def test_what_would_hide_results_or_rules_is_refused_in_one_line(folder, edit, message):
    (folder / "Snakefile").write_text((folder / "Snakefile").read_text().replace(*edit).partition("rule own")[0])
    ran = checkout.run(folder, "--dry-run")
    assert ran.returncode == 1
    assert f"error: {message}" in ran.stdout and "Traceback" not in ran.stdout and 'File "' not in ran.stdout


def deployed(folder: Path, project: Path, snakefile: str) -> None:
    """Make a folder as snakedeploy does of a clone."""
    for name in ("config", "profiles"):
        shutil.copytree(project / name, folder / name)
    (folder / "workflow").mkdir()
    (folder / "workflow/Snakefile").write_text(DEPLOYED.format(repository=project, snakefile=snakefile))


def test_what_snakedeploy_writes_runs_once_it_names_the_clones_snakefile(tmp_path):
    project = checkout.copy_project(tmp_path / "graincast")
    deployed(tmp_path / "deployed", project, str(project / "Snakefile"))
    planned = checkout.run(tmp_path / "deployed", "--dry-run")
    assert planned.returncode == 0, planned.stdout
    assert {"train:sgc/all", "compare"} <= checkout.jobs(planned.stdout)


def test_an_address_is_refused_in_one_line(tmp_path):
    project = checkout.copy_project(tmp_path / "graincast")
    git = ["git", "-C", str(project), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "--quiet", "--initial-branch", "main"], ["add", "."], ["commit", "--quiet", "-m", "all"]):
        subprocess.run([*git, *command], check=True)
    deployed(tmp_path / "deployed", project, f"git+file://{project}/Snakefile@main")
    ran = checkout.run(tmp_path / "deployed", "--dry-run")
    assert ran.returncode == 1
    (line,) = [line for line in ran.stdout.splitlines() if not line.startswith("Using workflow specific profile")]
    assert line.startswith("error: rules run programs beside this file: clone graincast, and name the clone's")
