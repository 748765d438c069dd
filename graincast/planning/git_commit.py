"""The commit of the project's sources, for what is told to MLflow.

A container has no git, so the process that plans the workflow puts the commit into the environment of its jobs.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

COMMIT, DIRTY = "GRAINCAST_COMMIT", "GRAINCAST_DIRTY"


def commit(project: Path, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The commit, and whether files differ from it or are not in it ("true", "false"); the environment goes first.

    Empty where there is neither a repository nor git.
    """
    if COMMIT in variables:
        return {COMMIT: variables[COMMIT], DIRTY: variables.get(DIRTY, "false")}

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(project), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        dirty = bool(git("status", "--porcelain"))
        return {COMMIT: git("rev-parse", "HEAD"), DIRTY: str(dirty).lower()}
    except (OSError, subprocess.CalledProcessError):
        return {}
