"""200 jobs write to one server at once: no error, and every value and file is there, counted behind the server."""

import subprocess
import sys

from tests.server.tracking_server import ROOT, bare

JOBS, STEPS = 200, 40
# Forked after the imports: 200 times five seconds of them are no part of this. Each job does what a trial's run needs,
# with the client settings of graincast.tracking; its model is left out, whose making costs the client a second.
WRITERS = f"""
import os, sys
from pathlib import Path
from graincast.tracking import api as tracking
from mlflow.entities import Metric, Param

settings = {{"store": "unused", "experiment_prefix": "graincast/", "timeout": 120}}
experiment = tracking.connect(settings).create_experiment("many")
jobs = []
for i in range({JOBS}):
    jobs.append(os.fork())
    if jobs[-1]:
        continue
    try:
        client = tracking.connect(settings)
        run = client.create_run(experiment, run_name=f"job {{i}}").info.run_id
        metrics = [Metric("loss", i + step / {STEPS}, 1, step) for step in range({STEPS})]
        client.log_batch(run, metrics=metrics, params=[Param("job", str(i))], synchronous=True)
        path = Path(sys.argv[1], f"{{i}}.txt")
        path.write_text(str(i))
        client.log_artifact(run, str(path))
        client.set_terminated(run)
    except BaseException as error:
        print(i, error, flush=True)
        os._exit(1)
    os._exit(0)
sys.exit(sum(os.waitpid(job, 0)[1] != 0 for job in jobs) > 0)
"""


def test_200_jobs_at_once(server, cluster, tmp_path):
    environment = bare(**server.client()) | {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    command = [sys.executable, "-c", WRITERS, tmp_path]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    database = server.folder.name

    def count(what: str) -> list[tuple]:
        joined = "runs JOIN experiments USING (experiment_id)"
        return cluster.ask(f"SELECT {what} FROM {joined} WHERE experiments.name = 'many'", database)

    assert count("count(*), count(DISTINCT run_uuid), min(status), max(status)") == [
        (JOBS, JOBS, "FINISHED", "FINISHED")
    ]
    of_these = "run_uuid IN (SELECT run_uuid FROM runs JOIN experiments e USING (experiment_id) WHERE e.name = 'many')"
    (metrics,) = cluster.ask(f"SELECT count(*), sum(value) FROM metrics WHERE {of_these}", database)
    expected = sum(i + step / STEPS for i in range(JOBS) for step in range(STEPS))
    assert metrics[0] == JOBS * STEPS and abs(metrics[1] - expected) < 1e-6
    params = cluster.ask(f"SELECT value FROM params WHERE {of_these}", database)
    assert sorted(int(value) for (value,) in params) == list(range(JOBS))
    (folder,) = count("DISTINCT artifact_location")[0]
    kept = server.folder / "artifacts" / folder.rpartition("/")[2]
    assert sorted(int(path.read_text()) for path in kept.rglob("*.txt")) == list(range(JOBS))
