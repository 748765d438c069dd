"""Where and when a step ran, as tags for MLflow. Noted at once, as it may be sent later and from elsewhere."""

import json
import os
import platform
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from graincast.planning.git_commit import commit
from graincast.program.cost import COMMIT, DIRTY, FILE

EXECUTION = "GRAINCAST_EXECUTION"
BY_HAND = "by-hand"
RULES = {"trials": "train", "experiment": "evaluate"}
"""The rule whose results are logged."""


def new_execution() -> str:
    """An id for one run of the workflow: its time (UTC) and a few random characters."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def tags(folder: Path, what: str, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Tags of the execution and commit, and of where and at what cost a folder's results were made.

    what  "trials" or "experiment"
    """
    names = {COMMIT: "mlflow.source.git.commit", DIRTY: "graincast.git_dirty"}
    values = {"execution": variables.get(EXECUTION, BY_HAND), "rule": RULES[what], **_cost(folder)}
    own = {f"graincast.{key}": value for key, value in values.items() if value}
    return own | {names[key]: value for key, value in commit(Path(__file__).parents[2], variables).items()}


def _cost(folder: Path) -> dict[str, str]:
    """Host, SLURM job, image, wall time and peak memory from cost.json; without it, this host."""
    try:
        cost = json.loads((folder / FILE).read_text(encoding="utf-8"))
        renamed = {"wall_s": "wall_time_s"}
        return {renamed.get(key, key): str(value) for key, value in cost.items() if value != "" and key != "commit"}
    except (OSError, ValueError, AttributeError):
        return {"host": platform.node()}  # results of a program that wrote none
