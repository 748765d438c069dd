"""The MLflow store: its client, its lock, experiments by name, and searches through all pages."""

import contextlib
import fcntl
import os
import urllib.parse
import warnings
from collections.abc import Iterator
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from graincast.tracking import addresses

SQLITE = "sqlite:///"
_LOCKED: set[str] = set()


def connect(tracking: dict) -> MlflowClient:
    """A client of the store at MLFLOW_TRACKING_URI, or else of the configured one; creates a missing SQLite store."""
    uri = _without_password(addresses.address(tracking))
    mlflow.set_tracking_uri(uri)
    with locked(uri), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = MlflowClient(uri)
        client.search_experiments(max_results=1)
    return client


def _without_password(uri: str) -> str:
    """A server's address without the login, which moves to MLflow's variables: MLflow prints addresses."""
    parts = urllib.parse.urlsplit(uri)
    if not parts.scheme.startswith("http") or "@" not in parts.netloc:
        return uri
    for name, value in (("USERNAME", parts.username), ("PASSWORD", parts.password)):
        if value:
            os.environ[f"MLFLOW_TRACKING_{name}"] = urllib.parse.unquote(value)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def experiment(client: MlflowClient, name: str) -> str:
    """The id of the experiment with this name, created or restored if necessary."""
    existing = client.get_experiment_by_name(name)
    if existing:
        if existing.lifecycle_stage == "deleted":
            client.restore_experiment(existing.experiment_id)
        return existing.experiment_id
    uri = mlflow.get_tracking_uri()
    location = None
    if uri.startswith(SQLITE):
        location = (Path(uri.removeprefix(SQLITE)).resolve().parent / "mlartifacts" / name).as_uri()
    try:
        return client.create_experiment(name, artifact_location=location)
    except MlflowException:
        existing = client.get_experiment_by_name(name)  # another job was faster
        if existing is None:
            raise
        return existing.experiment_id


def runs_where(client: MlflowClient, experiment_id: str, **tags: str | None) -> list[Run]:
    """All runs of an experiment whose tags graincast.NAME have these values (None: any), earliest first."""
    conditions = [
        f"tags.`graincast.{name}` {'!=' if value is None else '='} {_quoted(value or '')}"
        for name, value in tags.items()
    ]
    order = ["attributes.start_time ASC", "attributes.run_id ASC"]
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], " AND ".join(conditions), max_results=1000, order_by=order, page_token=token
        )
        runs += page
        token = page.token
        if not token:
            return runs


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "") + "'"


def delete(client: MlflowClient, run: Run) -> None:
    """Mark a run and its models as deleted, also an unfinished model; MLflow would keep listing the models."""
    by_run = f"source_run_id = '{run.info.run_id}'"
    for model in client.search_logged_models([run.info.experiment_id], filter_string=by_run):
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)


@contextlib.contextmanager
def locked(uri: str) -> Iterator[None]:
    """Serialise access to an SQLite store; reentrant within a process.

    Concurrent creation would corrupt the database, and concurrent writers get "database is locked".
    """
    if not uri.startswith(SQLITE) or uri in _LOCKED:
        yield
        return
    path = Path(uri.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _LOCKED.add(uri)
        try:
            yield
        finally:
            _LOCKED.discard(uri)
