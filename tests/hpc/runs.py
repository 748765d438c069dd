"""Runs of a checkout's workflow, on SLURM and elsewhere, and what SLURM says of its jobs."""

import csv
import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ON_SLURM = (
    "--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10",
)  # fmt: skip


@dataclass(frozen=True)
class Checkout:
    """A checkout and the raw data that its configuration reads."""

    folder: Path
    raw: Path

    def start(self, *arguments: str, user: str | None = None, **environment: str) -> subprocess.Popen:
        """Start Snakemake; its output, both streams together, goes to run.log in the checkout."""
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "config/small.yaml"]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        if user:
            # the interpreter of this environment may lie in a home that the user cannot enter
            command = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "/usr/bin/python3", *command[1:]]
            packages = sysconfig.get_path("purelib")
            environment |= {"HOME": str(self.folder), "USER": user, "LOGNAME": user, "PYTHONPATH": packages}
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "MLFLOW_"))}
            | {"PATH": path, "RAW_DATA_ROOT": str(self.raw)}
            | environment,
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "run.log").open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *arguments: str, **how) -> subprocess.CompletedProcess:
        """Run Snakemake to its end."""
        process = self.start(*arguments, **how)
        return subprocess.CompletedProcess(arguments, process.wait(timeout=3600), self.log())

    def log(self) -> str:
        return (self.folder / "run.log").read_text(errors="replace")

    def jobs(self) -> dict[str, tuple[str, str]]:
        """SLURM's jobs of this checkout: comment (rule and wildcards): id and state."""
        command = ["squeue", "--all", "--noheader", "--states=all", "--format=%A|%T|%k|%Z"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        rows = [line.split("|", 3) for line in lines]
        mine = sorted((int(job), state, comment) for job, state, comment, where in rows if Path(where) == self.folder)
        return {comment: (str(job), state) for job, state, comment in mine}  # the latest of each

    def result(self, name: str) -> dict:
        return json.loads((self.folder / f"results/experiments/{name}/test_metrics.json").read_text())

    def predictions(self, name: str) -> dict[tuple, float]:
        with (self.folder / f"results/experiments/{name}/predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        return {
            (r["microstructure"], r["subset"], r["trial"], r["abnormal"]): float(r["probability_abnormal"])
            for r in rows
        }


def wait_for(what: Callable, seconds: float = 600):
    """The first true value of what(); fails after that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.3)
    raise AssertionError(f"did not happen within {seconds} s: {what}")


def assert_same_results(one: Checkout, other: Checkout, names=("made", "given")) -> None:
    """Metrics equal within 1e-6, for the same chosen trials and the same predictions."""
    for name in names:
        mine, theirs = one.result(name), other.result(name)
        assert mine["fingerprint"] == theirs["fingerprint"]
        for threshold, of in theirs["thresholds"].items():
            assert mine["thresholds"][threshold]["chosen_trial"] == of["chosen_trial"]
            for metric, value in of["test"].items():
                found = mine["thresholds"][threshold]["test"][metric]
                assert (found is None and value is None) or abs(found - value) < 1e-6, metric
        mine, theirs = one.predictions(name), other.predictions(name)
        assert mine.keys() == theirs.keys()
        assert all(abs(mine[key] - theirs[key]) < 1e-6 for key in theirs)


def assert_nothing_partial(checkout: Checkout) -> None:
    assert not list((checkout.folder / "results").rglob("*.partial"))
