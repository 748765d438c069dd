"""graincast as a module of another workflow: it runs there, with that workflow's folder and configuration."""

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
