"""The workflow recovers from cancelled jobs, exceeded limits, a restarted node daemon and a killed Snakemake."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from tests.hpc.runs import ON_SLURM, Checkout, assert_nothing_partial, assert_same_results, wait_for


def running(checkout: Checkout, rule: str) -> str | None:
    """The id of a running job, found by the beginning of its comment."""
    ids = [job for comment, (job, state) in checkout.jobs().items() if comment.startswith(rule) and state == "RUNNING"]
    return ids[0] if ids else None


def processes(job: str) -> list[int]:
    """The processes of a SLURM job, found by their environment."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"SLURM_JOB_ID={job}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                pids.append(int(folder.name))
    return pids


def test_a_run_survives_cancelled_jobs_exceeded_limits_and_a_restarted_node(make_checkout, local, cluster):
    checkout = make_checkout("faults")
    # the first attempt at training has too little memory
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


def test_a_run_can_be_repeated_after_snakemake_was_killed(make_checkout, local):
    checkout = make_checkout("killed")
    process = checkout.start(*ON_SLURM)
    orphan = wait_for(lambda: running(checkout, "rule_simulate"))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pid in processes(orphan):  # frozen, so that the job is still there when the next run submits its own
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    unlocked = checkout.run("--unlock", "--workflow-profile", "profiles/default")
    assert unlocked.returncode == 0, unlocked.stdout
    done = checkout.run("results/experiments/made/test_metrics.json", *ON_SLURM)
    assert done.returncode == 0, done.stdout
    assert "that an earlier run left here" in done.stdout and orphan in done.stdout
    assert_same_results(checkout, local, ["made"])
    assert_nothing_partial(checkout)
