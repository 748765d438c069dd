"""The commit of the project's sources, for MLflow.

Containers have no git, so the planning process puts the commit into the environment of its jobs.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from graincast.program.cost import COMMIT, DIRTY


def commit(project: Path, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The commit, and whether the working tree differs from it ("true", "false"); taken from the environment if set.

    Empty without a repository or without git.
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
