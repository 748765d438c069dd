"""The workflow that a program runs for: when it is gone, even killed, its local jobs end too.

Otherwise a second run would start jobs on outputs that jobs of the first still write. SLURM's jobs are not local: they
survive, and the next run cancels them (scripts/cancel_leftovers.py).
"""

import contextlib
import ctypes
import os
import platform
import signal
import time
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "GRAINCAST_WORKFLOW"
INTERVAL = 0.5  # s between looks at the workflow's process
PATIENCE = 10.0  # s between asking a program to end and ending it
PR_SET_PDEATHSIG = 1


def current(variables: Mapping[str, str] = os.environ) -> str:
    """What identifies this process as a workflow: host, SLURM job, process, and when the process started."""
    return " ".join([platform.node(), variables.get("SLURM_JOB_ID", "-"), str(os.getpid()), started_at(os.getpid())])


def end_with(workflow: str, variables: Mapping[str, str] = os.environ) -> None:
    """End this process when a workflow's process is gone, if it is a local job of that workflow.

    workflow  as from `current`; anything else has no effect
    A small process of its own watches, as compiled code may keep this one from looking for minutes.
    """
    try:
        host, slurm_job, pid, started = workflow.split(" ")
    except ValueError:
        return
    if (host, slurm_job) != (platform.node(), variables.get("SLURM_JOB_ID", "-")) or started_at(int(pid)) != started:
        return
    watched = os.getpid()
    if os.fork():
        return
    with contextlib.suppress(BaseException):
        _watch(watched, int(pid), started)
    os._exit(0)


def _watch(watched: int, workflow: int, started: str) -> None:
    """In the watching process: look at the workflow until it or the watched process is gone."""
    end_with_parent()
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.closerange(0, 256)  # above all the pipe that others read to its end
    while os.getppid() == watched:
        if started_at(workflow) != started:
            os.kill(watched, signal.SIGTERM)
            time.sleep(PATIENCE)
            if os.getppid() == watched:
                os.kill(watched, signal.SIGKILL)
            return
        time.sleep(INTERVAL)


def end_with_parent() -> None:
    """Let the system kill this process when the one that made it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def started_at(pid: int) -> str:
    """When a process started, in clock ticks since boot; "" where there is none, or it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
