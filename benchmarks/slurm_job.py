"""CPU seconds that the other processes of this SLURM job have used so far: python slurm_job.py FILE, within a job.

Standard library only, as it runs once in each of hundreds of jobs.
"""

import contextlib
import os
import sys
from pathlib import Path


def cpu_seconds(job: str, processes: Path = Path("/proc")) -> float:
    """User and system time of all processes of a SLURM job and of their ended children, except this process."""
    ticks = 0
    for folder in processes.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if f"SLURM_JOB_ID={job}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                ticks += 0 if folder.name == str(os.getpid()) else sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(f"{cpu_seconds(os.environ['SLURM_JOB_ID'])}\n")
