"""The workflow recovers from failed jobs, a killed Snakemake, and a SLURM that is busy, full or short of a node."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.hpc.runs import (
    ON_SLURM,
    Checkout,
    assert_nothing_partial,
    assert_same_arrays,
    assert_same_results,
    wait_for,
)


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


def nodes(checkout: Checkout) -> dict[str, str]:
    """The node of each job that has one, of all jobs submitted from a checkout: {job id: node}."""
    command = ["squeue", "--all", "--noheader", "--states=all", "--format=%A|%N|%Z"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = [line.split("|", 2) for line in lines]
    return {job: node for job, node, folder in rows if node and Path(folder) == checkout.folder}


def test_a_run_goes_on_when_a_node_is_lost(make_checkout, local, cluster):
    checkout = make_checkout("lost")
    target = "results/datasets/made/features/plain.h5"
    process = checkout.start(target, *ON_SLURM)
    try:
        wait_for(lambda: {"node1", "node2"} <= set(nodes(checkout).values()))
        lost = {job for job, node in nodes(checkout).items() if node == "node2"}
        subprocess.run([cluster, "slurmd-stop", "node2"], check=True, capture_output=True)
        assert process.wait(timeout=3600) == 0, checkout.log()
    finally:
        subprocess.run([cluster, "slurmd-restart"], check=True, capture_output=True)
    assert "NODE_FAIL" in checkout.log()
    assert {node for job, node in nodes(checkout).items() if job not in lost} == {"node1"}
    assert_same_arrays(checkout.folder / target, local.folder / target)
    assert_nothing_partial(checkout)


@contextlib.contextmanager
def full_queue(cluster: Path) -> Iterator[Callable[[], bool]]:
    """SLURM accepts no jobs; what is yielded tells whether it has turned one away."""
    held = subprocess.run(["sbatch", "--parsable", "--hold", "--wrap=true"], capture_output=True, text=True, check=True)
    log = Path(os.environ.get("CLUSTER_DIR", "/var/lib/graincast-cluster")) / "log/slurmctld.log"
    before = log.stat().st_size
    subprocess.run([cluster, "queue-limit", "1"], check=True, capture_output=True)
    try:
        yield lambda: b"MaxJobCount limit from slurm.conf reached" in log.read_bytes()[before:]
    finally:
        subprocess.run([cluster, "queue-limit"], check=True, capture_output=True)
        subprocess.run(["scancel", held.stdout.strip()], check=True)


BUSY = """\
#!/bin/sh
# Every fifth submission times out; of these, every other one has been accepted all the same.
number=$(flock {count} sh -c 'echo >>{count} && wc -l <{count}')
if [ $((number % 10)) = 6 ]; then {sbatch} "$@" >/dev/null; fi
if [ $((number % 5)) = 1 ]; then
    echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2
    exit 1
fi
exec {sbatch} "$@"
"""


def test_a_run_survives_a_busy_sbatch_and_a_full_queue(make_checkout, local, cluster):
    checkout = make_checkout("busy")
    count, programs = checkout.folder / "submissions", checkout.folder / "programs"
    count.touch()
    programs.mkdir()
    (programs / "sbatch").write_text(BUSY.format(count=count, sbatch=shutil.which("sbatch")))
    (programs / "sbatch").chmod(0o755)
    with full_queue(cluster) as refused:
        process = checkout.start("results/experiments/made/test_metrics.json", *ON_SLURM, programs=programs)
        wait_for(refused)
        assert process.poll() is None and not checkout.jobs()
    assert process.wait(timeout=3600) == 0, checkout.log()
    submissions = len(count.read_text().splitlines())
    assert submissions > 6
    assert checkout.log().count("Socket timed out on send/recv operation") == (submissions + 4) // 5
    assert_same_results(checkout, local, ["made"])
    assert_nothing_partial(checkout)
