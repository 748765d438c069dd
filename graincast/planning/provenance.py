"""Where and when a step ran, as tags for MLflow. Noted at once, since what is unsent is sent from elsewhere."""

import json
import os
import platform
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from graincast.planning.git_commit import COMMIT, DIRTY, commit
from graincast.program import cost

EXECUTION = "GRAINCAST_EXECUTION"
BY_HAND = "by-hand"
RULES = {"trials": "train", "experiment": "evaluate"}
"""The rule that makes what MLflow is told."""


def new_execution() -> str:
    """An id for one run of the workflow: its time (UTC) and a few random characters."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def tags(folder: Path, what: str, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Tags of the execution, commit, machine, SLURM job, image and cost of what made a folder's results.

    what  "trials" or "experiment"
    """
    names = {COMMIT: "mlflow.source.git.commit", DIRTY: "graincast.git_dirty"}
    image = variables.get("APPTAINER_CONTAINER") or variables.get("SINGULARITY_CONTAINER", "")
    found = {
        "execution": variables.get(EXECUTION, BY_HAND),
        "rule": RULES[what],
        "host": platform.node(),
        "slurm_job": variables.get("SLURM_JOB_ID"),
        "image": Path(image).name,
        **_cost(folder),
    }
    made = {f"graincast.{key}": value for key, value in found.items() if value}
    return made | {names[key]: value for key, value in commit(Path(__file__).parents[2], variables).items()}


def _cost(folder: Path) -> dict[str, str]:
    try:
        spent = json.loads((folder / cost.FILE).read_text(encoding="utf-8"))
        return {"wall_time_s": str(spent["wall_s"]), "peak_memory_mb": str(spent["peak_memory_mb"])}
    except (OSError, ValueError, KeyError):
        return {}  # results of a program that wrote none
