"""Jobs that are cancelled, run out of memory or time, lose their node's daemon or their Snakemake: the end is right."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from tests.hpc.runs import ON_SLURM, Checkout, assert_nothing_partial, assert_same_results, wait_for


def running(checkout: Checkout, rule: str) -> str | None:
    """The id of a job that runs, by what its comment begins with."""
    found = [
        job for comment, (job, state) in checkout.jobs().items() if comment.startswith(rule) and state == "RUNNING"
    ]
    return found[0] if found else None


def processes(job: str) -> list[int]:
    """Processes of a SLURM job, by their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"SLURM_JOB_ID={job}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def test_cancelled_out_of_time_out_of_memory_and_a_restarted_node(make_checkout, local, cluster):
    checkout = make_checkout("faults")
    # the first attempt at training has too little memory, the next ones enough
    process = checkout.start(*ON_SLURM, "--set-resources", "train:mem_mb=300 * attempt ** 3")
    cancelled = wait_for(lambda: running(checkout, "rule_graphs_wildcards_given"))
    subprocess.run(["scancel", cancelled], check=True)

    frozen = wait_for(lambda: running(checkout, "rule_simulate"))
    subprocess.run(["scontrol", "update", f"JobId={frozen}", "TimeLimit=1"], check=True)
    for pid in processes(frozen):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)

    wait_for(lambda: running(checkout, "rule_train"), 300)
    subprocess.run([cluster, "slurmd-restart"], check=True, capture_output=True)
    assert process.wait(timeout=3600) == 0, checkout.log()

    assert_same_results(checkout, local)
    assert_nothing_partial(checkout)
    log = checkout.log()
    for job, state in ((cancelled, "CANCELLED"), (frozen, "TIMEOUT")):
        assert f"SLURM status is: '{state}'" in log or state in log, (job, state)
    logs = "".join(
        path.read_text(errors="replace") for path in (checkout.folder / ".snakemake/slurm_logs").rglob("*.log")
    )
    assert "exceeded memory limit" in logs


def test_killed_snakemake_starts_again(make_checkout, local):
    checkout = make_checkout("killed")
    process = checkout.start(*ON_SLURM)
    left = wait_for(lambda: running(checkout, "rule_simulate"))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pid in processes(left):  # what is left over would be there still when the next run submits its own
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    unlocked = checkout.run("--unlock", "--workflow-profile", "profiles/default")
    assert unlocked.returncode == 0, unlocked.stdout
    done = checkout.run("results/experiments/made/test_metrics.json", *ON_SLURM)
    assert done.returncode == 0, done.stdout
    assert "that an earlier run left here" in done.stdout and left in done.stdout
    assert_same_results(checkout, local, ["made"])
    assert_nothing_partial(checkout)
