"""Run the workflow of a checkout, on SLURM or locally, and query its SLURM jobs and results."""

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

import h5py
import numpy as np

ON_SLURM = (
    "--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "10",
)  # fmt: skip


@dataclass(frozen=True)
class Checkout:
    """A checkout and the raw data used by its configuration."""

    folder: Path
    raw: Path

    def start(
        self, *arguments: str, user: str | None = None, programs: Path | None = None, **environment: str
    ) -> subprocess.Popen:
        """Start Snakemake; standard output and error go to run.log in the checkout.

        programs  a folder whose programs take the place of the system's
        """
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "config/small.yaml"]
        path = ":".join(map(str, [*filter(None, [programs]), Path(sys.executable).parent, os.environ["PATH"]]))
        if user:
            # this environment's interpreter may be in a home that the user cannot enter
            command = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "/usr/bin/python3", *command[1:]]
            packages = sysconfig.get_path("purelib")
            environment |= {"HOME": str(self.folder), "USER": user, "LOGNAME": user, "PYTHONPATH": packages}
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "MLFLOW_"))}
            | {"PATH": path, "RAW_DATA_ROOT": str(self.raw)}
            | environment,
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / "run.log").open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """Run Snakemake to its end; `options` are those of `start`."""
        process = self.start(*arguments, **options)
        return subprocess.CompletedProcess(arguments, process.wait(timeout=3600), self.log())

    def log(self) -> str:
        return (self.folder / "run.log").read_text(errors="replace")

    def jobs(self) -> dict[str, tuple[str, str]]:
        """The latest SLURM jobs of this checkout: {comment (rule and wildcards): (id, state)}."""
        command = ["squeue", "--all", "--noheader", "--states=all", "--format=%A|%T|%k|%Z"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        rows = [line.split("|", 3) for line in lines]
        jobs = sorted((int(job), state, comment) for job, state, comment, folder in rows if Path(folder) == self.folder)
        return {comment: (str(job), state) for job, state, comment in jobs}

    def result(self, name: str) -> dict:
        return json.loads((self.folder / f"results/experiments/{name}/test_metrics.json").read_text())

    def predictions(self, name: str) -> dict[tuple, float]:
        with (self.folder / f"results/experiments/{name}/predictions.csv").open() as file:
            rows = list(csv.DictReader(file))
        return {
            (row["microstructure"], row["subset"], row["trial"], row["abnormal"]): float(row["probability_abnormal"])
            for row in rows
        }


def wait_for(condition: Callable, seconds: float = 600):
    """Wait until condition() is true; returns its value. Fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.3)
    raise AssertionError(f"did not happen within {seconds} s: {condition}")


def assert_same_results(checkout: Checkout, reference: Checkout, names=("made", "given")) -> None:
    """Assert equal data, chosen trials, test metrics and predictions; numbers within 1e-6."""
    for name in names:
        result, expected = checkout.result(name), reference.result(name)
        assert result["fingerprint"] == expected["fingerprint"]
        for threshold, expected_choice in expected["thresholds"].items():
            choice = result["thresholds"][threshold]
            assert choice["chosen_trial"] == expected_choice["chosen_trial"]
            for metric, expected_value in expected_choice["test"].items():
                value = choice["test"][metric]
                both_none = value is None and expected_value is None
                assert both_none or abs(value - expected_value) < 1e-6, metric
        predictions, expected = checkout.predictions(name), reference.predictions(name)
        assert predictions.keys() == expected.keys()
        assert all(abs(predictions[key] - expected[key]) < 1e-6 for key in expected)


def assert_same_arrays(path: Path, expected: Path) -> None:
    """Assert that two HDF5 files hold the same arrays."""
    with h5py.File(path) as file, h5py.File(expected) as other:
        names: list[str] = []
        other.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert names
        for name in names:
            np.testing.assert_array_equal(file[name][()], other[name][()], err_msg=name)


def assert_nothing_partial(checkout: Checkout) -> None:
    assert not list((checkout.folder / "results").rglob("*.partial"))
