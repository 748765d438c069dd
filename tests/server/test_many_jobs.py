"""200 jobs can write to one server at once; values and files are counted in the database and on disk."""

import subprocess
import sys

from tests.server.tracking_server import ROOT, bare

JOBS, STEPS = 200, 40
# Forked after the imports, to avoid 200 imports of five seconds. Each job makes the calls of a trial's run, with the
# client settings of graincast.tracking, but without the model, which takes the client a second to prepare.
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


def test_200_concurrent_jobs_lose_nothing(server, cluster, tmp_path):
    environment = bare(**server.client()) | {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}
    command = [sys.executable, "-c", WRITERS, tmp_path]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    database = server.folder.name

    def select(columns: str) -> list[tuple]:
        joined = "runs JOIN experiments USING (experiment_id)"
        return cluster.query(f"SELECT {columns} FROM {joined} WHERE experiments.name = 'many'", database)

    assert select("count(*), count(DISTINCT run_uuid), min(status), max(status)") == [
        (JOBS, JOBS, "FINISHED", "FINISHED")
    ]
    in_runs = "run_uuid IN (SELECT run_uuid FROM runs JOIN experiments e USING (experiment_id) WHERE e.name = 'many')"
    ((count, total),) = cluster.query(f"SELECT count(*), sum(value) FROM metrics WHERE {in_runs}", database)
    expected = sum(i + step / STEPS for i in range(JOBS) for step in range(STEPS))
    assert count == JOBS * STEPS and abs(total - expected) < 1e-6
    params = cluster.query(f"SELECT value FROM params WHERE {in_runs}", database)
    assert sorted(int(value) for (value,) in params) == list(range(JOBS))
    (location,) = select("DISTINCT artifact_location")[0]
    artifacts = server.folder / "artifacts" / location.rpartition("/")[2]
    assert sorted(int(path.read_text()) for path in artifacts.rglob("*.txt")) == list(range(JOBS))
