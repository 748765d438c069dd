"""A dry run of Snakemake in the working directory: it brings recipes up to date and lists the jobs that would run."""

import os
import re
import subprocess
import sys
from pathlib import Path

from graincast.microstructure import BadInput

SNAKEFILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")
"""Where Snakemake looks for its rules."""


def start(config_file: Path) -> subprocess.Popen:
    """Start a dry run; `finish` waits for it. Raises BadInput where no Snakefile is."""
    if not any(Path(name).is_file() for name in SNAKEFILES):
        raise BadInput(
            f"{Path.cwd()}: no Snakefile here; run this in graincast's folder, or in that of a workflow that uses it"
        )
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--configfile", str(config_file)]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen) -> tuple[set[str], list[str]]:
    """The jobs that would run, named as Job.name, and the lines that the planner printed.

    Raises BadInput with Snakemake's message where planning fails.
    """
    printed, errors = process.communicate()
    if process.returncode:
        lines = [line.strip() for line in (printed + errors).splitlines() if line.strip()]
        preamble = re.compile(r"Using workflow|File \"|[A-Za-z.]+Error in file|\w+Error:\Z")
        messages = [line for line in lines if not preamble.match(line)]
        ours = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise BadInput([*ours, *messages, "planning failed"][0])
    notes = [line for line in errors.splitlines() if line.startswith(("results/", "another run", "datasets."))]
    return _jobs(printed + errors), notes


def _jobs(output: str) -> set[str]:
    names = set()
    for block in re.split(r"\n(?=\[)", output):
        rule = re.search(r"^(?:local)?rule (\w+):$", block, re.MULTILINE)
        if rule and rule[1] != "all":
            wildcards = re.search(r"^    wildcards: (.*)$", block, re.MULTILINE)
            values = [part.partition("=")[2] for part in wildcards[1].split(", ")] if wildcards else []
            names.add("/".join([rule[1], *values]))
    return names
