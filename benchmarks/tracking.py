"""Overhead of tracking, per trial of a batched sweep and for a training job of one minute.

python -m benchmarks.tracking [--trials 30] [--repeats 3]     an SQLite store, and an MLflow server on loopback
"""

import argparse
import copy
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from benchmarks import results
from graincast.tracking import api as tracking
from graincast.tracking import notes
from scripts import track
from tests.recipes import recipe_file
from tests.tracked import ABOUT, job_of, make_results, settings_of
from tests.tracked_server import mlflow_server

MINUTE = 60


def sweep(root: Path, trials: int) -> Path:
    """A job of many trials, with learning curves of 120 points."""
    job = job_of(root)
    record = json.loads((job / "trials.json").read_text())
    first = record["trials"][0]
    record["trials"] = [{**copy.deepcopy(first), "trial": f"trial{i}"} for i in range(trials)]
    (job / "trials.json").write_text(json.dumps(record))
    with h5py.File(job / "history.h5", "r+") as file:
        shape = (trials, *file["curves"].shape[1:2], 120, 4)
        del file["steps"], file["curves"]
        file["steps"], file["curves"] = np.arange(120), np.random.default_rng(0).random(shape)
    return job


def children() -> float:
    """CPU time of child processes that have ended, s."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = make_results(Path(temporary, "root"))
        with mlflow_server(Path(temporary, "server")) as address:
            found = {}
            for name, store in (("SQLite", f"sqlite:///{root}/sweep.db"), ("server", address)):
                settings = settings_of(root, store=store)
                tracking.connect(settings)
                job = sweep(root, 1)
                command = [sys.executable, "-m", "scripts.track", "--tracking", json.dumps(settings), "trials"]
                recipe = recipe_file(job / "recipe.json", **ABOUT)
                command += ["--folder", str(job), "--recipe", str(recipe), "--out", str(job / "sent.json")]
                script_costs = []
                for _ in range(args.repeats):
                    started, before = time.perf_counter(), children()
                    subprocess.run(command, check=True)
                    script_costs.append((time.perf_counter() - started, children() - before))
                    assert not (job / track.UNSENT).exists()
                script, script_cpu = map(statistics.median, zip(*script_costs, strict=True))
                costs = []  # of one trial and of many, in this process: the difference excludes one-off set-up
                for count in (1, 1, 1 + args.trials):
                    job = sweep(root, count)
                    notes.leave(job, "trials", ABOUT)
                    started, cpu = time.perf_counter(), time.process_time()
                    tracking.log_trials(job, notes.read(job / track.UNSENT), settings)
                    costs.append((time.perf_counter() - started, time.process_time() - cpu))
                wall, cpu = ((all_trials - first) / args.trials for first, all_trials in zip(*costs[1:], strict=True))
                found[name] = {
                    "script, one trial, s": round(script, 2),
                    "script, one trial, CPU s": round(script_cpu, 2),
                    "share of a one-minute job": round(script / MINUTE, 3),
                    "each further trial, s": round(wall, 3),
                    "each further trial, CPU s": round(cpu, 3),
                }
            print(json.dumps(found, indent=2))
            results.write("tracking", found, ["mlflow"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3, help="runs of the script; the median counts")
    main(parser.parse_args())
