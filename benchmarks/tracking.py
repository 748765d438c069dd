"""What tracking adds: to each trial of a batched sweep, and to a training job of one minute.

python -m benchmarks.tracking [--trials 30]     against an SQLite store and against an MLflow server on loopback
"""

import argparse
import copy
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from graincast import tracking
from graincast.models.trained import read_models, save
from scripts import track
from tests.tracked import ABOUT, job_of, made_results, settings_of
from tests.tracked_server import mlflow_server

MINUTE = 60


def sweep(root: Path, trials: int) -> Path:
    """A job of many trials, its curves measured at 120 iterations."""
    job = job_of(root)
    record, models = json.loads((job / "trials.json").read_text()), read_models(job / "models.pt")
    first = record["trials"][0]
    record["trials"] = [{**copy.deepcopy(first), "trial": f"trial{i}"} for i in range(trials)]
    (job / "trials.json").write_text(json.dumps(record))
    save(job / "models.pt", {f"trial{i}": models[first["trial"]] for i in range(trials)})
    with h5py.File(job / "history.h5", "r+") as file:
        shape = (trials, *file["curves"].shape[1:2], 120, 4)
        del file["steps"], file["curves"]
        file["steps"], file["curves"] = np.arange(120), np.random.default_rng(0).random(shape)
    return job


def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = made_results(Path(temporary, "root"))
        with mlflow_server(Path(temporary, "server")) as address:
            print("| store | program, one trial | of a job of a minute | each further trial | of it CPU time |")
            print("|---|---|---|---|---|")
            for name, store in (("SQLite", f"sqlite:///{root}/sweep.db"), ("server", address)):
                settings = settings_of(root, store=store)
                tracking.connect(settings)
                job = sweep(root, 1)
                command = [sys.executable, "-m", "scripts.track", "--tracking", json.dumps(settings), "trials"]
                command += ["--folder", str(job), "--about", json.dumps(ABOUT)]
                started = time.perf_counter()
                subprocess.run(command, check=True)
                program = time.perf_counter() - started
                assert not (job / track.UNSENT).exists()
                took = []  # of one trial and of many, in this process: what is prepared once drops out
                for count in (1, 1, 1 + args.trials):
                    job = sweep(root, count)
                    assert track.leave_note(job, "trials", ABOUT)
                    started, cpu = time.perf_counter(), time.process_time()
                    tracking.log_trials(job, track.read(job / track.UNSENT), settings)
                    took.append((time.perf_counter() - started, time.process_time() - cpu))
                wall, cpu = ((many - one) / args.trials for one, many in zip(*took[1:], strict=True))
                print(f"| {name} | {program:.1f} s | {program / MINUTE:.1%} | {wall:.3f} s | {cpu:.3f} s |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=30)
    main(parser.parse_args())
