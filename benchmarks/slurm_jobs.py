"""What Snakemake itself costs per SLURM job, with hundreds of jobs that do nothing: python -m benchmarks.slurm_jobs.

It needs a SLURM cluster, so `make bench` leaves it out: run it on a login node, in a folder that all nodes see, or
where tests/hpc/cluster.sh has started one. The reference submits as many jobs with bare sbatch and polls squeue.

Snakemake runs three times for each job: where it was started, which submits the job and asks for its state, and in the
job once for the allocation and once for its step. The latter two read the workflow again; here it is a few lines.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import results

SNAKEFILE = """\
rule all:
    input: expand("{{job}}.txt", job=range({jobs}))

rule nothing:
    output: "{{job}}.txt"
    resources: mem_mb=500, runtime=5
    shell: "{python} -S {program} {{output}}"
"""
NAME = "graincast-benchmark"
POLL = 3
"""Seconds between two looks at the queue, for both."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=200)
    jobs = parser.parse_args().jobs
    if not answers():
        sys.exit(
            "slurm_jobs: error: no SLURM answers here (scontrol ping); run it on a login node, or start the tests' "
            "cluster with tests/hpc/cluster.sh start"
        )
    with tempfile.TemporaryDirectory(prefix="slurm-jobs-", dir=Path.cwd()) as folder:
        found = {f"{jobs} jobs": compared(Path(folder), jobs)}
    for name, value in found[f"{jobs} jobs"].items():
        print(f"{name:<45}{value['median'] if isinstance(value, dict) else value:>8.3g}")
    results.write("slurm_jobs", found, ["snakemake", "snakemake-executor-plugin-slurm"])


def answers() -> bool:
    """Whether a SLURM controller answers."""
    try:
        return subprocess.run(["scontrol", "ping"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def compared(folder: Path, jobs: int) -> dict:
    """Costs per job by Snakemake and by bare sbatch, in a folder that all nodes see."""
    program = Path(__file__).with_name("slurm_job.py")
    (folder / "Snakefile").write_text(SNAKEFILE.format(jobs=jobs, python=sys.executable, program=program))
    bare_cpu, bare_wall = costs(lambda: by_sbatch(folder, jobs))
    cpu, wall = costs(lambda: by_snakemake(folder, jobs))
    in_jobs = [float(path.read_text()) for path in folder.glob("*.txt")]
    return {
        "CPU s per job where Snakemake was started": cpu / jobs,
        "CPU s per job in the job": results.spread(in_jobs),
        "wall s per job": wall / jobs,
        "jobs per minute": 60 * jobs / wall,
        "bare sbatch, CPU s per job": bare_cpu / jobs,
        "bare sbatch, jobs per minute": 60 * jobs / bare_wall,
        "times the CPU time of bare sbatch": cpu / bare_cpu,
    }


def costs(call: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of the child processes of a call, and wall seconds."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    call()
    after, end = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, end - start


def by_sbatch(folder: Path, jobs: int) -> None:
    """Submit jobs that do nothing, and wait until the queue has none of them."""
    for _ in range(jobs):
        command = ["sbatch", "--quiet", f"--job-name={NAME}", "--mem=500", "--time=5", "--output=/dev/null"]
        subprocess.run([*command, "--wrap=true"], cwd=folder, check=True)
    while subprocess.run(["squeue", "--noheader", f"--name={NAME}"], capture_output=True, check=True).stdout:
        time.sleep(POLL)


def by_snakemake(folder: Path, jobs: int) -> None:
    """Submit jobs that do nothing with Snakemake's SLURM executor, all at once."""
    command = [sys.executable, "-m", "snakemake", "--executor", "slurm", "--jobs", str(jobs), "--quiet", "all"]
    options = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", str(POLL)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    # a job starts with this environment's programs
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    subprocess.run([*command, *options], cwd=folder, env=environment, check=True)


if __name__ == "__main__":
    main()
