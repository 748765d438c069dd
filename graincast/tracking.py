"""MLflow: the store, and the runs of trials and experiments. The only module that knows MLflow.

A trial is a run under its experiment's parent run. A trial that runs again replaces its run. Files beside the trials
are the truth; what MLflow is told here can be told again from them at any time.
"""

import contextlib
import fcntl
import json
import logging
import os
import platform
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent anywhere but to the store
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.pop("MLFLOW_RUN_ID", None)  # it would take the place of the runs made here

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

from graincast import figures, hdf5
from graincast.git_commit import COMMIT, DIRTY, commit
from graincast.models.trained import CURVES, read_models
from graincast.trials import read_record

for noisy in ("mlflow", "alembic"):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)  # not earlier: importing MLflow sets the level too

METRICS_A_CALL = 1000  # MLflow's own limit
SERVED = {"sgc": Path(__file__).parent / "models" / "served_sgc.py"}


def connect(tracking: dict) -> MlflowClient:
    """A client of the configured store, or of MLFLOW_TRACKING_URI; a fresh SQLite store is created by one process."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or tracking["store"]
    mlflow.set_tracking_uri(uri)
    with _alone(uri), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = MlflowClient(uri)  # this alone creates a fresh store
        client.search_experiments(max_results=1)
    return client


def log_trials(folder: Path, about: dict, tracking: dict) -> int:
    """Make a run of each trial of a training job's folder. Returns how many.

    about  the experiment's resolved configuration
    """
    record = read_record(folder)
    models = read_models(folder / "models.pt")
    with hdf5.opened(folder / "history.h5") as file:
        steps, curves = file["steps"][:], file["curves"][:]
    client = connect(tracking)
    parent = _parent(client, record["experiment"], about, tracking)
    earlier = _children(client, parent)
    for trial, curve in zip(record["trials"], curves, strict=True):
        replaced = earlier.get(trial["trial"], [])
        tags = {
            "mlflow.parentRunId": parent.info.run_id,
            "graincast.trial": trial["trial"],
            "graincast.job": record["job"],
            **_provenance(record, about),
        }
        if replaced:
            tags["graincast.replaces"] = ",".join(replaced)
        run = client.create_run(parent.info.experiment_id, tags=tags, run_name=trial["trial"])
        _log_values(client, run.info.run_id, record, trial, steps, curve)
        _log_files(client, run.info.run_id, record, about, trial, steps, curve, models[trial["trial"]])
        client.set_terminated(run.info.run_id)
        for run_id in replaced:
            _delete(client, run_id)
    return len(record["trials"])


def log_experiment(folder: Path, about: dict, tracking: dict) -> None:
    """Tell an experiment's parent run of its test results and figures, and drop runs of trials it no longer has."""
    result = json.loads((folder / "test_metrics.json").read_text(encoding="utf-8"))
    client = connect(tracking)
    parent = _parent(client, result["experiment"], about, tracking)
    run_id, now = parent.info.run_id, int(time.time() * 1000)
    metrics = []
    for threshold, of in result["thresholds"].items():
        for name, value in of["test"].items():
            if value is not None:
                metrics.append(Metric(f"test_{name}_t{threshold}", value, now, 0))
        client.set_tag(run_id, f"graincast.chosen_t{threshold}", of["chosen_trial"])
    client.log_batch(run_id, metrics=metrics, tags=[RunTag(k, v) for k, v in _provenance(result, about).items()])
    for name in ("test_metrics.json", "trials.csv", "predictions.csv", "model.pt"):
        client.log_artifact(run_id, str(folder / name))
    client.log_artifacts(run_id, str(folder / "figures"), "figures")
    client.log_dict(run_id, about, "experiment.yaml")
    client.set_terminated(run_id)
    current = {
        trial["trial"]
        for path in _current_jobs(folder, result)
        for trial in json.loads(path.read_text(encoding="utf-8"))["trials"]
    }
    for trial, run_ids in _children(client, parent).items():
        if trial not in current:
            for child in run_ids:
                _delete(client, child)


def _current_jobs(folder: Path, result: dict) -> list[Path]:
    return [folder / "trials" / job / "trials.json" for job in result["jobs"]]


def _log_values(client: MlflowClient, run_id: str, record: dict, trial: dict, steps, curve) -> None:
    now = int(time.time() * 1000)
    fixed = {
        "model": record["model"],
        "dataset": record["dataset"],
        "features": record["features"],
        "split": record["split"],
        **record["training"],
        **record["target"],
        **trial["params"],
    }
    mean = curve.mean(axis=0)  # over partitions
    metrics = [
        Metric(name, float(value), now, int(step))
        for column, name in enumerate(CURVES)
        for step, value in zip(steps, mean[:, column], strict=True)
    ]
    metrics += [Metric(f"best_validation_{k}", v, now, 0) for k, v in trial["validation"].items() if v is not None]
    for i, measured in enumerate(trial["by_partition"].values()):
        metrics.append(Metric("partition_accuracy", measured["accuracy"], now, i))
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in fixed.items()])
    for start in range(0, len(metrics), METRICS_A_CALL):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_A_CALL], synchronous=True)


def _log_files(client: MlflowClient, run_id: str, record, about, trial, steps, curve, models: dict) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        kept = np.array([one["iteration"] for one in trial["by_partition"].values()])
        figure = figures.training_curves(steps, curve, kept, f"{record['experiment']}: {trial['trial']}")
        figures.save(figure, folder / "training_curves.png", dpi=80)
        (folder / "experiment.json").write_text(json.dumps(about, indent=1), encoding="utf-8")
        (folder / "trial.json").write_text(json.dumps(trial, indent=1), encoding="utf-8")
        client.log_artifacts(run_id, str(folder))
    _log_model(run_id, record, models)


def _log_model(run_id: str, record: dict, models: dict) -> None:
    inputs = [ColSpec("double", name) for name in [*record["columns"], "weight"]]
    signature = ModelSignature(Schema(inputs), Schema([ColSpec("double", "probability_abnormal")]))
    with tempfile.TemporaryDirectory() as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(temporary, "parameters.json")
        plain = [{k: v.tolist() if hasattr(v, "tolist") else v for k, v in model.items()} for model in models.values()]
        path.write_text(json.dumps(plain), encoding="utf-8")
        with mlflow.start_run(run_id=run_id):
            mlflow.pyfunc.log_model(
                name="model",
                python_model=str(SERVED[record["model"]]),
                artifacts={"parameters": str(path)},
                signature=signature,
                pip_requirements=[f"mlflow=={mlflow.__version__}", f"numpy=={np.__version__}", "pandas"],
            )


def _parent(client: MlflowClient, name: str, about: dict, tracking: dict):
    """The experiment's parent run. Of several made at once by different jobs, the first counts."""
    with _alone(mlflow.get_tracking_uri()):
        return _first_parent(client, name, about, tracking)


def _first_parent(client: MlflowClient, name: str, about: dict, tracking: dict):
    experiment_id = _experiment(client, tracking["experiment_prefix"] + name, tracking)
    wanted = f"tags.`graincast.parent` = '{name}'"
    found = client.search_runs([experiment_id], wanted, order_by=["attributes.start_time ASC", "attributes.run_id ASC"])
    if found:
        return found[0]
    tags = {"graincast.parent": name, "mlflow.note.content": about["description"], **_commit()}
    own = client.create_run(experiment_id, tags=tags, run_name=name)
    found = client.search_runs([experiment_id], wanted, order_by=["attributes.start_time ASC", "attributes.run_id ASC"])
    if found and found[0].info.run_id != own.info.run_id:
        client.delete_run(own.info.run_id)
        return found[0]
    return own


def _experiment(client: MlflowClient, name: str, tracking: dict) -> str:
    found = client.get_experiment_by_name(name)
    if found:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return found.experiment_id
    location = None
    uri = mlflow.get_tracking_uri()
    if uri.startswith("sqlite:///"):
        location = (Path(uri.removeprefix("sqlite:///")).resolve().parent / "mlartifacts" / name).as_uri()
    try:
        return client.create_experiment(name, artifact_location=location)
    except MlflowException:
        found = client.get_experiment_by_name(name)  # another job was faster
        if found is None:
            raise
        return found.experiment_id


def _delete(client: MlflowClient, run_id: str) -> None:
    """Delete a run and the models it made, which would stay listed without it."""
    outputs = client.get_run(run_id).outputs
    for model in outputs.model_outputs if outputs else []:
        client.delete_logged_model(model.model_id)
    client.delete_run(run_id)


def _children(client: MlflowClient, parent) -> dict[str, list[str]]:
    """Ids of the runs under a parent by their trial's name."""
    children: dict[str, list[str]] = {}
    token = None
    while True:
        page = client.search_runs(
            [parent.info.experiment_id],
            f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'",
            run_view_type=ViewType.ACTIVE_ONLY,
            max_results=1000,
            page_token=token,
        )
        for run in page:
            children.setdefault(run.data.tags.get("graincast.trial", ""), []).append(run.info.run_id)
        token = page.token
        if not token:
            return children


def _provenance(record: dict, about: dict) -> dict[str, str]:
    return {
        "graincast.experiment": record["experiment"],
        "graincast.dataset": record["dataset"],
        "graincast.dataset_fingerprint": record["fingerprint"],
        "graincast.features": record["features"],
        "graincast.model": record["model"],
        "mlflow.note.content": about["description"],
        **_commit(),
        **_machine(),
    }


def _machine() -> dict[str, str]:
    """Tags of where this runs: host, SLURM job, container image."""
    image = os.environ.get("APPTAINER_CONTAINER", "")
    found = {"host": platform.node(), "slurm_job": os.environ.get("SLURM_JOB_ID"), "image": Path(image).name}
    return {f"graincast.{key}": value for key, value in found.items() if value}


def _commit() -> dict[str, str]:
    """Tags of the project's git commit; none outside a repository."""
    names = {COMMIT: "mlflow.source.git.commit", DIRTY: "graincast.git_dirty"}
    return {names[key]: value for key, value in commit(Path(__file__).parents[1]).items()}


@contextlib.contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Hold an SQLite store's lock: a fresh one that several processes create at once is broken."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    path = Path(uri.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
