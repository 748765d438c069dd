"""The MLflow store: its client, its lock, experiments by name, and searches through all pages."""

import contextlib
import os
import urllib.parse
import warnings
from collections.abc import Iterator

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from graincast.tracking import addresses, sqlite_store


def connect(tracking: dict) -> MlflowClient:
    """A client of the store at MLFLOW_TRACKING_URI, or else of the configured one; makes a missing SQLite store.

    Raises sqlite_store.Damaged where an SQLite store cannot be used.
    """
    uri = _without_password(addresses.address(tracking))
    path = addresses.sqlite_file(uri)
    with locked(uri), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path and path.is_file() and path.stat().st_size:
            sqlite_store.check(path)
            sqlite_store.relocate(path)
        elif path:
            sqlite_store.make(path, _open)
        mlflow.set_tracking_uri(uri)
        return _open(uri)


def _open(uri: str) -> MlflowClient:
    """A client of a store, which is there afterwards."""
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
    path = addresses.sqlite_file(mlflow.get_tracking_uri())
    location = sqlite_store.artifact_location(path, name) if path else None
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
    """Serialise access to a store that needs it; reentrant within a process."""
    path = addresses.sqlite_file(uri)
    with sqlite_store.locked(path) if path else contextlib.nullcontext():
        yield
