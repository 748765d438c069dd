"""Cancel SLURM jobs that a killed Snakemake left in this folder, before they write beside the jobs of this run.

Only the Snakemake process that holds the folder's lock may call this: jobs it has not submitted are leftovers.
"""

import argparse
import os
import re
import shutil
import subprocess
from pathlib import Path

from graincast.program.main import parser, run

JOB_NAME = re.compile(r"(.*_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # the executor's run ID


def leftovers(table: str, folder: Path, own: str | None) -> list[str]:
    """Ids of the jobs that an earlier Snakemake submitted from `folder`.

    table  what squeue prints of the user's jobs: id, name, comment and working directory, separated by "|"
    own    id of the job that this process itself runs in
    """
    found = []
    for line in table.splitlines():
        job, name, comment, directory = line.split("|", 3)
        if job != own and JOB_NAME.fullmatch(name) and comment.startswith("rule_") and Path(directory) == folder:
            found.append(job)
    return found


def main(args: argparse.Namespace) -> None:
    if not shutil.which("squeue") or not shutil.which("scancel"):
        return
    command = ["squeue", "--me", "--noheader", "--format=%A|%j|%k|%Z"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    jobs = sorted(set(leftovers(listed.stdout, Path.cwd().resolve(), os.environ.get("SLURM_JOB_ID"))))
    if listed.returncode == 0 and jobs:
        print(f"cancelling {len(jobs)} SLURM jobs that an earlier run left here: {', '.join(jobs)}")
        subprocess.run(["scancel", *jobs], check=False, timeout=60)


if __name__ == "__main__":
    run(main, parser("cancel_leftovers", __doc__))
